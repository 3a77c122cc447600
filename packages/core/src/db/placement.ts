import type { BackendName } from "../domain/backend.js";
import type { Candidate, Load } from "../domain/placement.js";
import { HELD, RUNNING } from "./place-loads.js";
import { WORKER_SILENT_MS } from "./place-workers.js";
import { sendAlong } from "./sent.js";
import type { Tx } from "./pool.js";

/**
 * Keeps what is said of the places of a backend (cordoned, given up, its capacity) as it is until the transaction ends. Whoever
 * changes that takes it alone, so that after the answer nothing more goes where it may not. Taken after all gates and quotas.
 */
export async function lockPlacement(tx: Tx, backend: BackendName, alone: boolean): Promise<void> {
  await sendAlong(
    tx,
    `select pg_advisory_xact_lock${alone ? "" : "_shared"}(hashtextextended('berth.placement ' || $1, 0))`,
    [backend],
  );
}

/** One transaction at a time counts the room that is left in places of a backend, and takes of it. */
export async function lockCapacity(tx: Tx, backend: BackendName): Promise<void> {
  await sendAlong(tx, "select pg_advisory_xact_lock(hashtextextended('berth.capacity ' || $1, 0))", [
    backend,
  ]);
}

/** All places of a backend, by name. */
export async function candidatesOf(tx: Tx, backend: BackendName): Promise<Candidate[]> {
  const { rows } = await tx.query<Candidate>(
    `select p.name, p.labels, p.capacity, p.weight, p.cordoned, p.lost_at is not null as lost,
       p.identity is not null as known,
       exists (select from place_workers w where w.place = p.name and w.state = 'confirmed'
         and w.last_seen_at > clock_timestamp() - $2 * interval '1 millisecond') as served
     from places p where p.backend = $1 order by p.name`,
    [backend, WORKER_SILENT_MS],
  );
  return rows;
}

/** What these places have. What a removed workspace, or one that is elsewhere by now, still has there takes room. */
export async function loadsOf(tx: Tx, names: readonly string[]): Promise<Map<string, Load>> {
  const { rows } = await tx.query<Load & { name: string }>(
    `select p.name, ${RUNNING} as running, case when p.capacity is null then 0 else ${HELD} end as held
     from places p where p.name = any ($1)`,
    [names],
  );
  return new Map(rows.map(({ name, ...load }) => [name, load]));
}
