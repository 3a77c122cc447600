import type { Contact } from "../domain/place.js";
import type { Queryable, Tx } from "./pool.js";

/** What one worker reaches under a place's name. */
export interface PlaceWorker {
  place: string;
  worker: string;
  state: Contact;
  identity: string | null;
  /** In one sentence; null: none. */
  problem: string | null;
  since: Date;
  last_seen_at: Date;
}

/** Notes what a worker reaches, and that it lives. @returns what it had noted before; null if this is its first word. */
export async function noteContact(
  tx: Tx,
  contact: Pick<PlaceWorker, "place" | "worker" | "state" | "identity" | "problem">,
): Promise<Pick<PlaceWorker, "state" | "problem"> | null> {
  const { rows } = await tx.query<Pick<PlaceWorker, "state" | "problem">>(
    "select state, problem from place_workers where place = $1 and worker = $2 for update",
    [contact.place, contact.worker],
  );
  await tx.query(
    `insert into place_workers as p (place, worker, state, identity, problem) values ($1, $2, $3, $4, $5)
     on conflict (place, worker) do update set state = excluded.state, identity = excluded.identity,
       problem = excluded.problem, last_seen_at = clock_timestamp(),
       since = case when p.state = excluded.state then p.since else clock_timestamp() end`,
    [contact.place, contact.worker, contact.state, contact.identity, contact.problem],
  );
  if (contact.state === "confirmed")
    await tx.query("update places set served_at = clock_timestamp() where name = $1", [contact.place]);
  return rows[0] ?? null;
}

/** How long a worker may be silent until it counts as dead, in ms. */
export const WORKER_SILENT_MS = 30_000;
/** Of a row `w` of them: that worker lives. */
export const WORKER_LIVES = `w.last_seen_at > clock_timestamp() - interval '${WORKER_SILENT_MS} milliseconds'`;
/** Of a place `p`: a live worker reaches it, and it is the one meant. */
export const IS_SERVED = `exists (select from place_workers w
  where w.place = p.name and w.state = 'confirmed' and ${WORKER_LIVES})`;

/** Whether a place is served now, and else since when it isn't and what is the matter. */
export interface Served {
  served: boolean;
  /** False if no worker lives at all, of any place. */
  workers: boolean;
  served_at: Date | null;
  /** What workers say who are configured for it; empty: there are none. */
  problems: string[];
}

export async function servedNow(db: Queryable, name: string): Promise<Served | null> {
  const { rows } = await db.query<Served>(
    `select p.served_at, exists (select from place_workers
         where last_seen_at > clock_timestamp() - $2 * interval '1 millisecond') as workers, coalesce(bool_or(w.state = 'confirmed'), false) as served,
       coalesce(array_agg(distinct w.problem) filter (where w.problem is not null), '{}') as problems
     from places p left join place_workers w
       on w.place = p.name and w.last_seen_at > clock_timestamp() - $2 * interval '1 millisecond'
     where p.name = $1 group by p.name`,
    [name, WORKER_SILENT_MS],
  );
  return rows[0] ?? null;
}

/** A worker that ends serves nothing any more; one from whose file a place was taken, not that one. */
export async function forgetWorker(
  db: Queryable,
  worker: string,
  place: string | null = null,
): Promise<void> {
  await db.query("delete from place_workers where worker = $1 and ($2::text is null or place = $2)", [
    worker,
    place,
  ]);
}

/** Workers that died without a word. */
export async function forgetDeadWorkers(db: Queryable, silentMs: number): Promise<void> {
  await db.query(
    "delete from place_workers where last_seen_at < clock_timestamp() - $1 * interval '1 millisecond'",
    [silentMs],
  );
}

/** Workers that have given a sign of life of late, by place. */
export async function listPlaceWorkers(
  db: Queryable,
  liveMs: number,
  place: string | null = null,
): Promise<PlaceWorker[]> {
  const { rows } = await db.query<PlaceWorker>(
    `select * from place_workers where ($2::text is null or place = $2)
       and last_seen_at > clock_timestamp() - $1 * interval '1 millisecond' order by place, worker`,
    [liveMs, place],
  );
  return rows;
}
