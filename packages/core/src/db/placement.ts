import type { BackendName } from "../domain/backend.js";
import type { Candidate, Load } from "../domain/placement.js";
import { HELD, RUNNING } from "./place-loads.js";
import { IS_SERVED } from "./place-workers.js";
import { merged, requireOwnTransaction } from "./merged.js";
import type { Queryable, Tx } from "./pool.js";
import { sendAlong } from "./sent.js";

/**
 * Keeps what is said of the places of a backend (cordoned, given up, its capacity) as it is until the transaction ends. Whoever
 * changes that takes it alone, so that after the answer nothing more goes where it may not. Taken after all gates and quotas.
 */
export async function lockPlacement(tx: Tx, backend: BackendName, alone: boolean): Promise<void> {
  if (alone)
    await sendAlong(tx, `select pg_advisory_xact_lock(${PLACEMENT_OF}) from (select $1) as b (backend)`, [
      backend,
    ]);
  else await merged(tx, lockShared, [backend]);
}

const PLACEMENT_OF = "hashtextextended('berth.placement ' || backend, 0)";
function lockShared(db: Queryable, backends: readonly BackendName[]): Promise<void> {
  return sendAlong(
    db,
    `select pg_advisory_xact_lock_shared(place) from (
       select distinct ${PLACEMENT_OF} as place from unnest($1::text[]) as b (backend) order by place
     ) places`,
    [backends],
  );
}

/** One transaction at a time counts the room that is left in places of a backend, and takes of it. */
export async function lockCapacity(tx: Tx, backend: BackendName): Promise<void> {
  requireOwnTransaction(tx);
  await sendAlong(tx, "select pg_advisory_xact_lock(hashtextextended('berth.capacity ' || $1, 0))", [
    backend,
  ]);
}

/** All places of a backend, by name. */
export async function candidatesOf(tx: Tx, backend: BackendName): Promise<Candidate[]> {
  return (await merged(tx, allCandidatesOf, [backend])).filter((one) => one.backend === backend);
}

async function allCandidatesOf(
  db: Queryable,
  backends: readonly BackendName[],
): Promise<(Candidate & { backend: BackendName })[]> {
  const { rows } = await db.query<Candidate & { backend: BackendName }>(
    `select p.name, p.backend, p.labels, p.capacity, p.weight, p.cordoned, p.lost_at is not null as lost,
       p.identity is not null as known,
       ${IS_SERVED} as served
     from places p where p.backend = any ($1) order by p.name`,
    [backends],
  );
  return rows;
}

/** What these places have. What a removed workspace, or one that is elsewhere by now, still has there takes room. */
export async function loadsOf(tx: Tx, names: readonly string[]): Promise<Map<string, Load>> {
  const rows = await merged(tx, allLoadsOf, names);
  return new Map(rows.map(({ name, ...load }) => [name, load]));
}

async function allLoadsOf(db: Queryable, names: readonly string[]): Promise<(Load & { name: string })[]> {
  const { rows } = await db.query<Load & { name: string }>(
    `select p.name, ${RUNNING} as running, case when p.capacity is null then 0 else ${HELD} end as held
     from places p where p.name = any ($1)`,
    [names],
  );
  return rows;
}

/** Counts what others of a shared transaction have put into these places, which their rows don't tell. */
export function withPlaced<P extends { name: string; load: Load }>(
  tx: Tx,
  places: readonly P[],
): readonly P[] {
  const placed = tx.member?.group.placed;
  if (placed === undefined) return places;
  return places.map((one) => ({
    ...one,
    load: { ...one.load, running: one.load.running + (placed.get(one.name) ?? 0) },
  }));
}

/** Tells those others where a workspace of this request goes. */
export function notePlaced(tx: Tx, name: string): void {
  const placed = tx.member?.group.placed;
  placed?.set(name, (placed.get(name) ?? 0) + 1);
}
