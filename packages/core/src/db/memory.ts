import type { Queryable } from "./pool.js";

/** A break after which it is no longer certain that the database is the one that was left. In ms. */
const BREAK_MS = 60_000;
/** By how much a provider's clock may differ, and how old the last note in a backup may be. In ms. */
const MARGIN_MS = 60_000;

/**
 * Notes that the database is looked after. @returns when it was last, if that is so long ago that it may have been
 * restored from a backup since; null if not.
 */
export async function noteMemory(db: Queryable): Promise<Date | null> {
  const { rows } = await db.query<{ until: Date }>(
    `with last as (
       select since, until from memory order by since desc limit 1 for update
     ), extended as (
       update memory m set until = clock_timestamp() from last
       where m.since = last.since and last.until > clock_timestamp() - $1 * interval '1 millisecond' returning 1
     ), begun as (
       insert into memory (since, until) select clock_timestamp(), clock_timestamp()
       where not exists (select from extended) on conflict do nothing returning 1
     )
     select last.until from last, begun`,
    [BREAK_MS],
  );
  return rows[0]?.until ?? null;
}

/** A time of which the database may know nothing. */
export interface Break {
  from: Date;
  to: Date;
}

export async function listBreaks(db: Queryable): Promise<Break[]> {
  const { rows } = await db.query<Break>(
    `select until - $1 * interval '1 millisecond' as "from", next + $1 * interval '1 millisecond' as "to"
     from (select until, lead(since) over (order by since) as next from memory) spans where next is not null
     order by next`,
    [MARGIN_MS],
  );
  return rows;
}
