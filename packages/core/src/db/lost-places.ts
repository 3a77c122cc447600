import type { OperationError } from "./operations.js";
import type { LostWord } from "../domain/place.js";
import { AT_REST } from "../domain/status.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";
import { wordList } from "./word-list.js";

/** No more is placed there, and nothing of it is served. The caller has locked the placement of its backend alone. */
export async function markLost(tx: Tx, name: string, { by, why }: LostWord): Promise<void> {
  await sendAlong(
    tx,
    `update places set lost_at = clock_timestamp(), lost_by = $2, lost_reason = $3, cordoned = true,
       draining_since = null, draining_by = null, version = version + 1, updated_at = clock_timestamp()
     where name = $1`,
    [name, by, why],
  );
}

/** Places that were given up. */
export async function lostPlaces(db: Queryable): Promise<({ name: string } & LostWord)[]> {
  const { rows } = await db.query<{ name: string } & LostWord>(
    "select name, lost_by as by, lost_reason as why from places where lost_at is not null order by name",
  );
  return rows;
}

/** Workspaces of which a lost place still has something by what the rows say, or that are still meant to run there. */
export async function leftInLost(db: Queryable, place: string, limit: number): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select id from (
       select workspace_id as id from resources where place = $1 and state <> 'gone'
       union select workspace_id from operations where place = $1 and state in ('queued', 'running')
       union select id from workspaces where place = $1 and (instance_id is not null
         or status not in ${wordList([...AT_REST, "failed"])})
     ) left_there order by id limit $2`,
    [place, limit],
  );
  return rows.map(({ id }) => id);
}

/** Ends what the ledger has there, by the word of whoever gave the place up: no provider can say it any more. */
export async function endLostThings(
  tx: Tx,
  place: string,
  ids: readonly string[],
  { by, why }: LostWord,
): Promise<{ workspace_id: string; kind: string }[]> {
  const { rows } = await tx.query<{ workspace_id: string; kind: string }>(
    `update resources set state = 'gone', gone_at = clock_timestamp(), next_attempt_at = null, updated_at = clock_timestamp(),
       released = jsonb_build_object('by', $3::text, 'why', $4::text, 'at', clock_timestamp(), 'lost', true)
     where place = $1 and workspace_id = any ($2) and state <> 'gone' returning workspace_id, kind`,
    [place, ids, by, why],
  );
  await sendAlong(
    tx,
    "update workspaces set instance_id = null, url = null, token_hash = null where id = any ($1) and place = $2",
    [ids, place],
  );
  return rows;
}

/** What a lost place was seen to have that nobody claims can't be removed any more. */
export async function releaseLostSightings(tx: Tx, place: string, { by, why }: LostWord): Promise<void> {
  await sendAlong(
    tx,
    `update sightings set released = jsonb_build_object('by', $2::text, 'why', $3::text, 'at', clock_timestamp())
     where backend = $1 and released is null`,
    [place, by, why],
  );
}

/** Ends unfinished operations, whoever runs them. The caller has locked their gates. */
export async function endLostOperations(
  tx: Tx,
  ends: readonly { id: string; state: "succeeded" | "failed"; error: OperationError | null }[],
): Promise<void> {
  if (ends.length === 0) return;
  await sendAlong(
    tx,
    `update operations o set state = e.state, error = e.error, finished_at = clock_timestamp(), next_attempt_at = null
     from jsonb_to_recordset($1) as e (id uuid, state text, error jsonb)
     where o.id = e.id and o.state in ('queued', 'running')`,
    [JSON.stringify(ends)],
  );
}

/** Whether a lost place had a volume of the workspace. */
export async function lostVolumeOf(tx: Tx, workspaceId: string): Promise<boolean> {
  const { rows } = await tx.query<{ lost: boolean }>(
    `select coalesce((select released -> 'lost' = 'true' from resources
       where workspace_id = $1 and kind = 'volume' order by created_at desc limit 1), false) as lost`,
    [workspaceId],
  );
  return rows[0]!.lost;
}

/** From here on its things are made in another place. The ledger has none of it that isn't gone. */
export async function movePlace(tx: Tx, workspaceId: string, place: string): Promise<void> {
  await sendAlong(tx, "update workspaces set place = $2 where id = $1", [workspaceId, place]);
}
