import type { BackendName } from "../domain/backend.js";
import { WORKER_SILENT_MS, type PlaceWorker } from "./place-workers.js";
import { HELD, RUNNING, RUNS_HERE } from "./place-loads.js";
import type { Queryable, Tx } from "./pool.js";
import type { ResourceKind } from "./resources.js";

/** Where a backend makes things: one daemon, account and Region, or machine (I12). */
export interface Place {
  name: string;
  backend: BackendName;
  /** As the provider tells it; null until the first contact. */
  identity: string | null;
  identified_at: Date | null;
  confirmed_by: string | null;
  /** Who said that what carries no identity yet is the place; null: nobody, or it has been given one since. */
  unmarked_confirmed_by: string | null;
  labels: Record<string, string>;
  /** How many workspaces may run there; null: any number. */
  capacity: number | null;
  weight: number;
  cordoned: boolean;
  /** Since when whatever may leave it is taken elsewhere; null: it isn't drained. */
  draining_since: Date | null;
  draining_by: string | null;
  /** When a worker last reached it, and found that it is the one meant. */
  served_at: Date | null;
  last_error: string | null;
  last_error_at: Date | null;
  lost_at: Date | null;
  lost_by: string | null;
  lost_reason: string | null;
  version: number;
  created_at: Date;
  updated_at: Date;
}

export async function getPlace(db: Queryable, name: string): Promise<Place | null> {
  const { rows } = await db.query<Place>("select * from places where name = $1", [name]);
  return rows[0] ?? null;
}

const MAX_IMAGES = 20;

/** Of a place, what its workspaces are to run, if that is images: in the order of their names, at most 20. */
export async function imagesIn(db: Queryable, place: string): Promise<string[]> {
  const { rows } = await db.query<{ image: string }>(
    `select distinct spec->>'image' as image from workspaces
     where place = $1 and status <> 'removed' and spec->>'image' is not null order by image limit $2`,
    [place, MAX_IMAGES],
  );
  return rows.map(({ image }) => image);
}

/** Those that a worker has reached at least once, or where a workspace is to run, and that aren't given up. */
export async function listPlacesInUse(db: Queryable): Promise<Pick<Place, "name" | "backend">[]> {
  const { rows } = await db.query<Pick<Place, "name" | "backend">>(
    `select name, backend from places p where lost_at is null and (identity is not null or exists (select from workspaces w
       where ${RUNS_HERE})) order by name`,
  );
  return rows;
}

/** What a place has from the day that it is made on, until an operator says otherwise. */
export type FirstSettings = { readonly [K in "labels" | "capacity" | "weight"]?: Place[K] | undefined };

/** Makes a place that a worker is configured for; one that is there stays as it is. */
export async function ensurePlace(
  db: Queryable,
  { name, backend }: Pick<Place, "name" | "backend">,
  { labels = {}, capacity = null, weight = 1 }: FirstSettings = {},
): Promise<Place> {
  await db.query(
    `insert into places (name, backend, labels, capacity, weight) values ($1, $2, $3, $4, $5)
     on conflict (name) do nothing`,
    [name, backend, JSON.stringify(labels), capacity, weight],
  );
  return (await getPlace(db, name))!;
}

/**
 * Records who a place is, if nobody has yet and no other place of its backend is that. Null `by`: its things, or that it
 * has none, tell. @returns whether this call recorded it
 */
export async function takeIdentity(
  tx: Tx,
  name: string,
  identity: string,
  by: string | null,
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update places p set identity = $2, identified_at = clock_timestamp(), confirmed_by = coalesce($3, unmarked_confirmed_by), unmarked_confirmed_by = null,
       last_error = null, version = version + 1, updated_at = clock_timestamp()
     where name = $1 and identity is null and lost_at is null and not exists (
       select from places other where other.backend = p.backend and other.identity = $2 and other.lost_at is null)`,
    [name, identity, by],
  );
  return rowCount === 1;
}

/** Locks the row. */
export async function lockPlace(tx: Tx, name: string): Promise<Place | null> {
  const { rows } = await tx.query<Place>("select * from places where name = $1 for update", [name]);
  return rows[0] ?? null;
}

/** An operator says who a place is, whatever was recorded; null: what carries no identity, once a worker meets it. */
export async function confirmIdentity(
  tx: Tx,
  name: string,
  identity: string | null,
  by: string,
): Promise<void> {
  await tx.query(
    `update places set identity = $2, identified_at = case when $2::text is null then null else clock_timestamp() end,
       confirmed_by = $3, unmarked_confirmed_by = case when $2::text is null then $3 end, last_error = null,
       version = version + 1, updated_at = clock_timestamp()
     where name = $1`,
    [name, identity, by],
  );
}

/** What an operator says of a place. */
export type PlaceSettings = Partial<Pick<Place, "labels" | "capacity" | "weight" | "cordoned">>;

/** Applies the fields given; the same again is no new version. */
export async function updatePlace(tx: Tx, name: string, settings: PlaceSettings): Promise<void> {
  await tx.query(
    `update places p set labels = n.labels, capacity = n.capacity, weight = n.weight, cordoned = n.cordoned,
       draining_since = case when n.cordoned then draining_since end,
       draining_by = case when n.cordoned then draining_by end,
       version = version + 1, updated_at = clock_timestamp()
     from (select coalesce($2, labels) as labels, case when $3 then $4::int else capacity end as capacity,
       coalesce($5, weight) as weight, coalesce($6, cordoned) as cordoned from places where name = $1) n
     where p.name = $1 and (p.labels, coalesce(p.capacity, -1), p.weight, p.cordoned)
       <> (n.labels, coalesce(n.capacity, -1), n.weight, n.cordoned)`,
    [
      name,
      settings.labels === undefined ? null : JSON.stringify(settings.labels),
      settings.capacity !== undefined,
      settings.capacity ?? null,
      settings.weight ?? null,
      settings.cordoned ?? null,
    ],
  );
}

/** A place with what it has, which is nothing where it is lost, and who reaches it. */
export type PlaceReport = Place & {
  /** Those that have given a sign of life of late. */
  workers: (Omit<PlaceWorker, "since" | "last_seen_at"> & { since: string; last_seen_at: string })[];
  running: number;
  /** Paused ones and what a removed workspace still has there too. */
  held: number;
  waiting: number;
  obligations: number;
};

export async function reportPlaces(db: Queryable, name: string | null = null): Promise<PlaceReport[]> {
  const { rows } = await db.query<PlaceReport>(
    `select p.*,
       coalesce((select jsonb_agg(to_jsonb(w) order by w.worker) from place_workers w
         where w.place = p.name and w.last_seen_at > clock_timestamp() - $2 * interval '1 millisecond'), '[]') as workers,
       case when p.lost_at is null then ${RUNNING} else 0 end as running,
       case when p.lost_at is null then ${HELD} else 0 end as held,
       (select count(*)::int from operations o
         where o.place = p.name and o.state in ('queued', 'running')) as waiting,
       (select count(*)::int from resources r where r.place = p.name and r.state = 'releasing') as obligations
     from places p where $1::text is null or p.name = $1 order by p.name`,
    [name, WORKER_SILENT_MS],
  );
  return rows;
}

/** Which place has this identity. */
export async function placeOfIdentity(
  db: Queryable,
  backend: BackendName,
  identity: string,
): Promise<string | null> {
  const { rows } = await db.query<{ name: string }>(
    "select name from places where backend = $1 and identity = $2 and lost_at is null",
    [backend, identity],
  );
  return rows[0]?.name ?? null;
}

/** The last thing that went wrong with a place; null: it is well. */
export async function notePlaceError(db: Queryable, name: string, error: string | null): Promise<void> {
  await db.query(
    `update places set last_error = $2, last_error_at = case when $2::text is null then last_error_at else clock_timestamp() end
     where name = $1 and last_error is distinct from $2`,
    [name, error],
  );
}

/** What the ledger has in a place and its provider was asked to make, with its id there once it has answered. */
export async function openThingsOf(
  db: Queryable,
  place: string,
): Promise<{ kind: ResourceKind; provider_id: string | null; name: string }[]> {
  const { rows } = await db.query<{ kind: ResourceKind; provider_id: string | null; name: string }>(
    `select kind, provider_id, name from resources
     where place = $1 and state <> 'gone' and (provider_id is not null or asked_at is not null)
     union all
     select 'instance', instance_id, 'ws-' || id from workspaces
     where place = $1 and instance_id is not null`,
    [place],
  );
  return rows;
}
