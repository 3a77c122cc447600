import type { OperationError } from "./operations.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";
import type { ResourceKind } from "./resources.js";

/**
 * A thing at a provider with our label that no row of the ledger claims. Its table has the place's name where it says
 * `backend`: those were one before there were places, and its unique key is what older code relies on.
 */
export interface Sighting {
  id: string;
  place: string;
  kind: ResourceKind;
  provider_id: string;
  name: string;
  workspace_id: string | null;
  generation: number | null;
  state: string;
  created_at: Date;
  first_seen_at: Date;
  last_seen_at: Date;
  seen: number;
  why: string;
  attempts: number;
  last_error: OperationError | null;
  next_attempt_at: Date | null;
  /** Until when it is only reported; null: it isn't held. */
  held_until: Date | null;
  released: { by: string; why: string; at: string } | null;
}

/** With what only the database's clock can tell. */
export type SightingNow = Sighting & { first_seen_ms_ago: number; due: boolean; held_is_over: boolean };

export async function listSightings(db: Queryable, place: string | null = null): Promise<SightingNow[]> {
  const { rows } = await db.query<SightingNow>(
    `select *, backend as place, floor(extract(epoch from clock_timestamp() - first_seen_at) * 1000)::int8 as first_seen_ms_ago,
       next_attempt_at is null or next_attempt_at <= clock_timestamp() as due,
       coalesce(held_until <= clock_timestamp(), false) as held_is_over
     from sightings where $1::text is null or backend = $1
     order by coalesce(next_attempt_at, first_seen_at), id`,
    [place],
  );
  return rows;
}

export type NewSighting = Pick<
  Sighting,
  "kind" | "provider_id" | "name" | "workspace_id" | "generation" | "state" | "why"
> & {
  /** Null where the provider keeps no time: it then counts from the first sighting. */
  created_at: Date | null;
  /** For how long from its first sighting on it is only reported, in ms; null: it needn't be. */
  hold_ms: number | null;
};

/**
 * Counts one more run that saw each of these. Another thing under a known id is seen for the first time. A hold that
 * has begun is never made longer. @returns them as they are now
 */
export async function noteSightings(
  tx: Tx,
  place: string,
  seen: readonly NewSighting[],
): Promise<Sighting[]> {
  if (seen.length === 0) return [];
  const { rows } = await tx.query<Sighting>(
    `insert into sightings as s (backend, kind, provider_id, name, workspace_id, generation, state, created_at, why,
       first_seen_at, last_seen_at, held_until)
     select $1, x.kind, x.provider_id, x.name, x.workspace_id, x.generation, x.state,
       coalesce(x.created_at, known.created_at, clock_timestamp()), x.why, clock_timestamp(), clock_timestamp(),
       clock_timestamp() + x.hold_ms * interval '1 millisecond'
     from jsonb_to_recordset($2) as x (kind text, provider_id text, name text, workspace_id uuid, generation int,
       state text, created_at timestamptz, why text, hold_ms int8)
     left join sightings known
       on known.backend = $1 and known.kind = x.kind and known.provider_id = x.provider_id
     on conflict (backend, kind, provider_id) do update set last_seen_at = clock_timestamp(),
       state = excluded.state, why = excluded.why, name = excluded.name, workspace_id = excluded.workspace_id,
       generation = excluded.generation, created_at = excluded.created_at,
       seen = case when s.created_at = excluded.created_at then s.seen + 1 else 1 end,
       attempts = case when s.created_at = excluded.created_at then s.attempts else 0 end,
       released = case when s.created_at = excluded.created_at then s.released end,
       held_until = case when excluded.held_until is null then null
         when s.created_at = excluded.created_at and s.held_until is not null then s.held_until
         else excluded.held_until end,
       first_seen_at = case when s.created_at = excluded.created_at then s.first_seen_at else clock_timestamp() end
     returning *, backend as place`,
    [place, JSON.stringify(seen)],
  );
  return rows;
}

/** Forgets things that are no longer unclaimed. @returns those that it forgot. */
export async function forgetSightings(tx: Tx, ids: readonly string[]): Promise<Sighting[]> {
  if (ids.length === 0) return [];
  const { rows } = await tx.query<Sighting>(
    "delete from sightings where id = any ($1) returning *, backend as place",
    [ids],
  );
  return rows;
}

/** Notes a try before it is made: should this process die, the next run knows why the thing is gone. */
export async function noteTry(db: Queryable, id: string, nextAttemptInMs: number): Promise<void> {
  await sendAlong(
    db,
    `update sightings set attempts = attempts + 1,
       next_attempt_at = clock_timestamp() + $2 * interval '1 millisecond' where id = $1`,
    [id, nextAttemptInMs],
  );
}

/** Puts a thing that can't be acted on now behind the others; no try was made. */
export async function noteDeferral(db: Queryable, id: string, nextAttemptInMs: number): Promise<void> {
  await sendAlong(
    db,
    `update sightings set next_attempt_at = clock_timestamp() + $2 * interval '1 millisecond' where id = $1`,
    [id, nextAttemptInMs],
  );
}

export async function noteFailure(db: Queryable, id: string, error: OperationError | null): Promise<void> {
  await sendAlong(db, "update sightings set last_error = $2 where id = $1", [
    id,
    error === null ? null : JSON.stringify(error),
  ]);
}

/** The ledger's claims in one place: of rows that aren't gone and whose workspace exists. */
export interface Claim {
  kind: ResourceKind;
  provider_id: string | null;
  workspace_id: string;
  generation: number;
}

/**
 * Everything in a place that is claimed, with the database's clock. A workspace's own `instance_id` claims
 * as well: a ledger restored from half a backup must not cost it its instance.
 */
export async function listClaims(db: Queryable, place: string): Promise<{ claims: Claim[]; nowMs: number }> {
  const { rows } = await db.query<Claim>(
    `select r.kind, r.provider_id, r.workspace_id, r.generation
     from resources r join workspaces w on w.id = r.workspace_id
     where r.place = $1 and r.state <> 'gone'
     union all
     select 'instance', instance_id, id, generation from workspaces
     where place = $1 and instance_id is not null and status <> 'removed'`,
    [place],
  );
  const { rows: clock } = await db.query<{ ms: number }>(
    "select floor(extract(epoch from clock_timestamp()) * 1000)::int8 as ms",
  );
  return { claims: rows, nowMs: clock[0]!.ms };
}

/** The last look before a thing is removed: the same question about one thing alone. */
export async function claimsOn(
  db: Queryable,
  place: string,
  thing: { kind: ResourceKind; provider_id: string; workspace_id: string | null },
): Promise<Claim[]> {
  const { rows } = await db.query<Claim>(
    `select r.kind, r.provider_id, r.workspace_id, r.generation
     from resources r join workspaces w on w.id = r.workspace_id
     where r.place = $1 and r.kind = $2 and r.state <> 'gone' and (r.provider_id = $3 or r.workspace_id = $4)
     union all
     select 'instance', instance_id, id, generation from workspaces
     where place = $1 and $2 = 'instance' and instance_id = $3 and status <> 'removed'`,
    [place, thing.kind, thing.provider_id, thing.workspace_id],
  );
  return rows;
}

/** What this database knows of a workspace that some of a place's things name: since it was made, it made them. */
export interface KnownWorkspace {
  workspace_id: string;
  /** The ledger says that its volume is to go, or was said to be gone: not for want of a row. */
  volume_given_up: boolean;
}

export async function listKnownWorkspaces(
  db: Queryable,
  place: string,
  workspaceIds: readonly string[],
): Promise<KnownWorkspace[]> {
  const { rows } = await db.query<KnownWorkspace>(
    `select workspace_id, bool_or(kind = 'volume' and state in ('releasing', 'gone')) as volume_given_up
     from resources where place = $1 and workspace_id = any ($2::uuid[]) group by workspace_id
     union all
     select w.id, false from workspaces w where w.id = any ($2::uuid[]) and not exists (
       select from resources r where r.place = $1 and r.workspace_id = w.id)`,
    [place, workspaceIds],
  );
  return rows;
}

/** A row of the ledger whose workspace has no row: nobody will ever ask for its end. */
export interface OrphanedRow extends Claim {
  id: string;
  name: string;
  client_token: string;
  details: Record<string, unknown>;
  due: boolean;
  age_ms: number;
}

export async function listOrphanedRows(db: Queryable, place: string): Promise<OrphanedRow[]> {
  const { rows } = await db.query<OrphanedRow>(
    `select r.id, r.kind, r.provider_id, r.workspace_id, r.generation, r.name, r.client_token, r.details,
       r.next_attempt_at is null or r.next_attempt_at <= clock_timestamp() as due,
       floor(extract(epoch from clock_timestamp() - greatest(r.created_at, r.asked_at)) * 1000)::int8 as age_ms
     from resources r where r.place = $1 and r.state <> 'gone'
       and not exists (select 1 from workspaces w where w.id = r.workspace_id)
     order by r.kind = 'volume', r.next_attempt_at nulls first, r.id`,
    [place],
  );
  return rows;
}
