import { sendAlong } from "./sent.js";
import type { Queryable } from "./pool.js";

/**
 * Notes that a clean answer of the provider didn't have these things, each by its ledger row.
 * @returns for how long that has been so, in ms by the database's clock
 */
export async function noteAbsences(
  db: Queryable,
  resourceIds: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await db.query<{ resource_id: string; absent_ms: number }>(
    `insert into absences (resource_id)
     select distinct unnest($1::uuid[]) order by 1
     on conflict (resource_id) do update set noted_at = clock_timestamp()
     returning resource_id, floor(extract(epoch from clock_timestamp() - since) * 1000)::int8 as absent_ms`,
    [resourceIds],
  );
  return new Map(rows.map(({ resource_id, absent_ms }) => [resource_id, absent_ms]));
}

/** A clean answer had them. */
export async function forgetAbsences(db: Queryable, resourceIds: readonly string[]): Promise<void> {
  await sendAlong(db, "delete from absences where resource_id = any ($1::uuid[])", [resourceIds]);
}

/** Those of things that nobody has asked for since. @returns how many */
export async function dropOldAbsences(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from absences where resource_id in (
       select resource_id from absences where noted_at < clock_timestamp() - $1 * interval '1 ms' limit $2)`,
    [olderThanMs, limit],
  );
  return rowCount ?? 0;
}
