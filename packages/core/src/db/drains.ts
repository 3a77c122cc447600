import { BACKENDS, hasCompute } from "../domain/backend.js";
import type { Status } from "../domain/status.js";
import { IDLE } from "./idle-gates.js";
import type { Queryable, Tx } from "./pool.js";
import { wordList } from "./word-list.js";

/** A workspace that has data: an instance has had its volume. */
const hasData = (w: string): string => `exists (select from resources r
  where r.workspace_id = ${w}.id and r.kind = 'volume' and r.state <> 'gone' and r.details -> 'used' = 'true')`;

/** A workspace that Berth can start elsewhere, and that has no data where it is, or says that it may leave it. */
const mayLeave = (w: string): string =>
  `(${w}.backend in ${wordList(BACKENDS.filter(hasCompute))} and (${w}.may_move or not ${hasData(w)}))`;

/** A workspace that may move, has no data yet, and whose last operation has failed since its place had no room for it. */
const HAS_NO_ROOM = `(w.may_move and w.status in ('failed', 'offline') and not ${hasData("w")} and
  (select o.state || ' ' || (o.error ->> 'code') from operations o where o.workspace_id = w.id
   order by o.ticket desc limit 1) = 'failed capacity')`;

/** From here on whatever may leave a place is taken elsewhere, and nothing more goes there. */
export async function markDraining(tx: Tx, name: string, by: string): Promise<void> {
  await tx.query(
    `update places set draining_since = clock_timestamp(), draining_by = $2, cordoned = true, version = version + 1,
       updated_at = clock_timestamp() where name = $1 and draining_since is null`,
    [name, by],
  );
}

/** One that is to leave a place. */
export interface Leaver {
  id: string;
  place: string;
}

/**
 * Workspaces that may leave places that are drained, and of which nothing is under way; by id, after one. A child waits for its
 * parent, so that it can go where that one went, unless its `place_labels` say where.
 */
export async function leavers(
  db: Queryable,
  places: readonly string[],
  after: string,
  limit: number,
): Promise<Leaver[]> {
  const { rows } = await db.query<Leaver>(
    `select w.id, w.place from places p join workspaces w on w.place = p.name join gates g on g.workspace_id = w.id
     where p.name = any ($1) and p.draining_since is not null and w.id > $2 and w.status <> 'removed' and ${mayLeave("w")}
       and ${IDLE}
       and (w.place_labels <> '{}' or not exists (select from workspaces parent where parent.id = w.parent_id
         and parent.place = w.place and parent.status <> 'removed' and ${mayLeave("parent")}))
     order by w.id limit $3`,
    [places, after, limit],
  );
  return rows;
}

/** Workspaces that may move and never ran, since these places had no room for them, and that are due for another try. */
export async function withoutRoom(
  db: Queryable,
  places: readonly string[],
  limit: number,
): Promise<Leaver[]> {
  const { rows } = await db.query<Leaver>(
    `select w.id, w.place from workspaces w join gates g on g.workspace_id = w.id
     where w.place = any ($1) and ${HAS_NO_ROOM} and ${IDLE}
       and (w.next_restart_at is null or w.next_restart_at <= clock_timestamp())
     order by w.updated_at, w.id limit $2`,
    [places, limit],
  );
  return rows;
}

/** Why one is to leave its place. */
export interface Cause {
  /** Who drains it; null: nobody, it has had no room for the workspace. */
  drainedBy: string | null;
  why: string;
}

/** Whether a workspace is still one that is to leave this place. The caller has locked its gate. */
export async function mustLeave(tx: Tx, { id, place }: Leaver): Promise<Cause | null> {
  const { rows } = await tx.query<{ by: string | null }>(
    `select p.draining_by as by from workspaces w join places p on p.name = w.place
     where w.id = $1 and p.name = $2 and w.status <> 'removed'
       and (p.draining_since is not null and ${mayLeave("w")} or ${HAS_NO_ROOM})`,
    [id, place],
  );
  if (rows[0] === undefined) return null;
  const drainedBy = rows[0].by;
  return { drainedBy, why: `place ${place} ${drainedBy === null ? "has no room for it" : "is drained"}` };
}

/** How far a drain is. */
export interface DrainProgress {
  /** Those that will be taken elsewhere. */
  leaving: number;
  /** Those that stay: they have data there, or Berth doesn't start them. */
  staying: number;
  /** The first of these. */
  first_staying: { id: string; name: string; status: Status }[];
}

const SHOWN = 100;

export async function drainProgress(db: Queryable, place: string): Promise<DrainProgress> {
  const { rows } = await db.query<DrainProgress>(
    `with there as (select w.id, w.name, w.status, w.created_at, ${mayLeave("w")} as leaves from workspaces w
       where w.place = $1 and w.status <> 'removed')
     select (select count(*)::int from there where leaves) as leaving,
       (select count(*)::int from there where not leaves) as staying,
       coalesce((select jsonb_agg(jsonb_build_object('id', id, 'name', name, 'status', status) order by created_at, id)
         from (select * from there where not leaves order by created_at, id limit ${SHOWN}) s), '[]') as first_staying`,
    [place],
  );
  return rows[0]!;
}
