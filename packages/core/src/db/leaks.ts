import type { OperationError } from "./operations.js";
import { IS_SERVED, WORKER_LIVES } from "./place-workers.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";
import type { ResourceKind } from "./resources.js";

/**
 * Something at a provider that is to go and isn't proven gone. `obligation`: a row of the ledger says so;
 * `unclaimed`: it was found at the provider, and no row says anything of it.
 */
export interface Leak {
  id: string;
  source: "obligation" | "unclaimed";
  kind: ResourceKind;
  backend: string;
  place: string;
  provider_id: string | null;
  name: string;
  workspace_id: string | null;
  generation: number | null;
  /** Since when it is to go, or was first seen. */
  since: Date;
  created_at: Date;
  sightings: number;
  attempts: number;
  last_error: OperationError | null;
  next_attempt_at: Date | null;
  /**
   * True while an operation of its workspace is unfinished: the ordinary course of a delete or a restart. Not where that waits
   * for a place which no worker serves.
   */
  under_way: boolean;
  why: string;
  details: Record<string, unknown>;
}

const LEAKS = `
  with unserved as materialized (
    select p.name from places p where exists (select from place_workers w where ${WORKER_LIVES}) and not ${IS_SERVED}
  )
  select r.id, 'obligation' as source, r.kind, r.backend, r.place, r.provider_id, r.name, r.workspace_id, r.generation,
    coalesce(r.releasing_at, r.created_at) as since, r.created_at, 0 as sightings, r.attempts, r.last_error, r.next_attempt_at,
    coalesce(g.head < g.tail, false) and u.name is null as under_way, r.details,
    case when w.id is null then 'its workspace isn''t known' when w.status = 'removed' then 'its workspace is removed'
      else 'its workspace is ' || w.status || ', and this was replaced or given up' end
      || case when u.name is null then '' else '; it waits for place ' || u.name || ', which nobody serves' end as why
  from resources r left join workspaces w on w.id = r.workspace_id left join gates g on g.workspace_id = r.workspace_id
    left join unserved u on u.name = r.place
  where r.state = 'releasing' or (r.state <> 'gone' and w.id is null)
  union all
  select s.id, 'unclaimed', s.kind, coalesce(p.backend, s.backend), s.backend, s.provider_id, s.name, s.workspace_id, s.generation,
    s.first_seen_at, s.created_at, s.seen, s.attempts, s.last_error, greatest(s.next_attempt_at, s.held_until), false, '{}', s.why
  from sightings s left join places p on p.name = s.backend where s.released is null`;

/** Where a leak stands in the list: since when, in microseconds, and its id. */
export interface LeakPosition {
  micros: string;
  id: string;
}

/** Those that are to go for longest first, after the position given. */
export async function listLeaks(
  db: Queryable,
  { limit, after, underWay = true }: { limit: number; after?: LeakPosition; underWay?: boolean },
): Promise<(Leak & Pick<LeakPosition, "micros">)[]> {
  const { rows } = await db.query<Leak & Pick<LeakPosition, "micros">>(
    `select * from (select *, (extract(epoch from since) * 1000000)::bigint::text as micros from (${LEAKS}) all_leaks) leaks
     where (not under_way or $4) and ($2::bigint is null or (since, id) > (timestamptz 'epoch' + $2 * interval '1 microsecond', $3::uuid))
     order by since, id limit $1`,
    [limit, after?.micros ?? null, after?.id ?? null, underWay],
  );
  return rows;
}

export async function getLeak(db: Queryable, id: string): Promise<Leak | null> {
  const { rows } = await db.query<Leak>(`select * from (${LEAKS}) leaks where id = $1`, [id]);
  return rows[0] ?? null;
}

/** How many there are of each backend, kind and source. */
export async function countLeaks(
  db: Queryable,
): Promise<{ source: Leak["source"]; backend: string; kind: ResourceKind; n: number }[]> {
  const { rows } = await db.query<{ source: Leak["source"]; backend: string; kind: ResourceKind; n: number }>(
    `select source, backend, kind, count(*) as n from (${LEAKS}) leaks where not under_way group by 1, 2, 3 order by 1, 2, 3`,
  );
  return rows;
}

/** How many there are, of what price, and since when the oldest is to go. */
export interface LeakSummary {
  source: Leak["source"];
  backend: string;
  kind: ResourceKind;
  /** An unfinished operation of its workspace is to remove it. */
  under_way: boolean;
  /** What its price depends on. */
  details: Readonly<Record<string, unknown>>;
  n: number;
  oldest_s: number;
}

export async function summarizeLeaks(db: Queryable): Promise<LeakSummary[]> {
  const { rows } = await db.query<LeakSummary>(
    `select source, backend, kind, under_way, count(*)::int as n,
       jsonb_strip_nulls(jsonb_build_object('type', details -> 'type', 'size_gib', details -> 'size_gib')) as details,
       greatest(0, extract(epoch from clock_timestamp() - min(since)))::float8 as oldest_s
     from (${LEAKS}) leaks
     group by source, backend, kind, under_way, details -> 'type', details -> 'size_gib' order by 1, 2, 3, 4`,
  );
  return rows;
}

/** Makes it due now: the word of a person ends a hold. */
export async function makeDue(tx: Tx, leak: Pick<Leak, "id" | "source">): Promise<void> {
  await sendAlong(
    tx,
    leak.source === "obligation"
      ? "update resources set next_attempt_at = clock_timestamp() where id = $1 and state = 'releasing'"
      : `update sightings set next_attempt_at = clock_timestamp(), held_until = least(held_until, clock_timestamp())
         where id = $1`,
    [leak.id],
  );
}

/** A person says that it is handled. If a thing of the ledger is still there, it will be seen as unclaimed. */
export async function markReleased(
  tx: Tx,
  leak: Pick<Leak, "id" | "source">,
  released: { by: string; why: string },
): Promise<void> {
  const word = `jsonb_build_object('by', $2::text, 'why', $3::text, 'at', clock_timestamp())`;
  await sendAlong(
    tx,
    leak.source === "obligation"
      ? `update resources set state = 'gone', gone_at = clock_timestamp(), next_attempt_at = null,
           updated_at = clock_timestamp(), released = ${word} where id = $1 and state <> 'gone'`
      : `update sightings set released = ${word} where id = $1`,
    [leak.id, released.by, released.why],
  );
}
