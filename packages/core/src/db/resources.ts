import type { BackendName } from "../domain/backend.js";
import type { OperationError } from "./operations.js";
import { IDLE } from "./idle-gates.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";

export type ResourceKind = "instance" | "volume" | "dns_record";
export type ResourceState = "intended" | "present" | "releasing" | "gone";

/** A row of the ledger: a thing that a provider was, or is about to be, asked to make. */
export interface Resource {
  id: string;
  workspace_id: string;
  kind: ResourceKind;
  backend: BackendName;
  /** Where it is made, for all time (I12). */
  place: string;
  name: string;
  client_token: string;
  provider_id: string | null;
  generation: number;
  /** When the provider was last asked to make it, or answered that it has. */
  asked_at: Date | null;
  state: ResourceState;
  details: Record<string, unknown>;
  attempts: number;
  next_attempt_at: Date | null;
  last_error: OperationError | null;
  created_at: Date;
  updated_at: Date;
  gone_at: Date | null;
  /** Who said that it is handled, or that its place is lost, though no provider has said that it is gone. */
  released: { by: string; why: string; at: string; lost?: true } | null;
}

export interface NewResource {
  id: string;
  workspace_id: string;
  kind: ResourceKind;
  backend: BackendName;
  place: string;
  name: string;
  client_token: string;
  generation: number;
}

/**
 * The ledger row of a thing that its provider is about to be asked to make (I3); the one that is there already, if it
 * isn't gone, of which it is asked again.
 */
export async function intendResource(tx: Tx, resource: NewResource): Promise<Resource> {
  const { rows } = await tx.query<Resource>(
    `insert into resources as r (id, workspace_id, kind, backend, place, name, client_token, generation, asked_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())
     on conflict (workspace_id, kind) where state <> 'gone'
       do update set asked_at = excluded.asked_at, updated_at = clock_timestamp()
     returning *`,
    [
      resource.id,
      resource.workspace_id,
      resource.kind,
      resource.backend,
      resource.place,
      resource.name,
      resource.client_token,
      resource.generation,
    ],
  );
  return rows[0]!;
}

/** A ledger row, and how long ago by the database's clock its provider was asked to make it. */
export type OpenResource = Resource & { asked_ms_ago: number | null };

/** The things of a workspace that aren't proven gone. */
export async function openResources(db: Queryable, workspaceId: string): Promise<OpenResource[]> {
  const { rows } = await db.query<OpenResource>(
    `select *, floor(extract(epoch from clock_timestamp() - asked_at) * 1000)::int8 as asked_ms_ago
     from resources where workspace_id = $1 and state <> 'gone' order by created_at`,
    [workspaceId],
  );
  return rows;
}

/** All ledger rows of a workspace, newest first. */
export async function listResources(db: Queryable, workspaceId: string): Promise<Resource[]> {
  const { rows } = await db.query<Resource>(
    "select * from resources where workspace_id = $1 order by created_at desc, id limit 1000",
    [workspaceId],
  );
  return rows;
}

/** Ids, out of these workspaces, that still have something that isn't proven gone. */
export async function workspacesWithOpenResources(tx: Queryable, ids: readonly string[]): Promise<string[]> {
  const { rows } = await tx.query<{ workspace_id: string }>(
    "select distinct workspace_id from resources where workspace_id = any ($1) and state <> 'gone'",
    [ids],
  );
  return rows.map((row) => row.workspace_id);
}

/** The provider has answered: the thing is there, though it may take a while to show itself, counted from now. */
export async function markPresent(
  tx: Tx,
  id: string,
  providerId: string,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await sendAlong(
    tx,
    `update resources set state = case when state = 'intended' then 'present' else state end, provider_id = $2,
       details = details || $3, last_error = null, asked_at = clock_timestamp(), updated_at = clock_timestamp()
     where id = $1 and state <> 'gone'`,
    [id, providerId, JSON.stringify(details)],
  );
}

/** Changes what a row remembers, and notes that its provider is about to be asked (I3). */
export async function saveResource(
  tx: Tx,
  id: string,
  change: { clientToken?: string; details?: Readonly<Record<string, unknown>> },
): Promise<void> {
  await sendAlong(
    tx,
    `update resources set client_token = coalesce($2, client_token), details = details || $3,
       asked_at = clock_timestamp(), updated_at = clock_timestamp()
     where id = $1 and state <> 'gone'`,
    [id, change.clientToken ?? null, JSON.stringify(change.details ?? {})],
  );
}

/** The thing is to go: of these workspaces, or only those of some kinds. */
export async function markReleasing(
  tx: Tx,
  workspaceIds: readonly string[],
  kinds: readonly ResourceKind[] = ["instance", "volume", "dns_record"],
): Promise<void> {
  await sendAlong(
    tx,
    `update resources set state = 'releasing', next_attempt_at = clock_timestamp(),
       releasing_at = clock_timestamp(), updated_at = clock_timestamp()
     where workspace_id = any ($1) and kind = any ($2) and state in ('intended', 'present')`,
    [workspaceIds, kinds],
  );
}

/**
 * Removed workspaces that name an instance of which the ledger has no row, as after the loss of that row: gives them one,
 * as something to go, so that its provider is asked.
 */
export async function adoptForgotten(tx: Tx, workspaceIds: readonly string[]): Promise<void> {
  await sendAlong(
    tx,
    `insert into resources (id, workspace_id, kind, backend, name, client_token, generation, provider_id, state,
       next_attempt_at, releasing_at)
     select gen_random_uuid(), w.id, 'instance', w.backend, 'ws-' || w.id, gen_random_uuid()::text, w.generation,
       w.instance_id, 'releasing', clock_timestamp(), clock_timestamp()
     from workspaces w where w.id = any ($1) and w.status = 'removed' and w.instance_id is not null
     on conflict (workspace_id, kind) where state <> 'gone' do nothing`,
    [workspaceIds],
  );
}

/** Notes that the provider has taken the request to stop it: from now on it is on its way out. */
export async function noteStopping(tx: Tx, id: string): Promise<void> {
  await sendAlong(
    tx,
    `update resources set details = details || '{"stopping": true}', updated_at = clock_timestamp()
     where id = $1 and state <> 'gone'`,
    [id],
  );
}

/**
 * Takes back that a workspace's instance is to go, as this operation wanted: no request to stop it was taken.
 * @returns false if there is no such instance: it is gone, was to go before, or is being stopped.
 */
export async function keepInstance(tx: Tx, operation: { id: string; workspaceId: string }): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update resources r set state = 'present', next_attempt_at = null, releasing_at = null, attempts = 0,
       updated_at = clock_timestamp()
     from operations o
     where o.id = $2 and r.workspace_id = $1 and r.kind = 'instance' and r.state = 'releasing'
       and r.provider_id is not null and r.releasing_at >= o.started_at and r.details -> 'stopping' is null`,
    [operation.workspaceId, operation.id],
  );
  return rowCount === 1;
}

/** The provider has said cleanly that the thing is gone (I4). */
export async function markGone(tx: Tx, id: string): Promise<void> {
  await sendAlong(
    tx,
    `update resources set state = 'gone', gone_at = clock_timestamp(), next_attempt_at = null,
       updated_at = clock_timestamp()
     where id = $1 and state <> 'gone'`,
    [id],
  );
}

/** One more try to release a thing failed. */
export async function recordReleaseFailure(
  tx: Queryable,
  id: string,
  error: OperationError,
  nextAttemptInMs: number,
): Promise<void> {
  await sendAlong(
    tx,
    `update resources set attempts = attempts + 1, last_error = $2, updated_at = clock_timestamp(),
       next_attempt_at = clock_timestamp() + $3 * interval '1 millisecond'
     where id = $1 and state = 'releasing'`,
    [id, JSON.stringify(error), nextAttemptInMs],
  );
}

/** Notes that the provider is about to be asked to make it. */
export async function markAsked(tx: Tx, id: string): Promise<void> {
  await sendAlong(
    tx,
    "update resources set asked_at = clock_timestamp(), updated_at = clock_timestamp() where id = $1",
    [id],
  );
}

/** Workspaces with something to release in these places that is due, and nobody at it; those tried longest ago first. */
export async function dueReleases(
  db: Queryable,
  places: readonly string[],
  limit: number,
): Promise<{ workspace_id: string; place: string }[]> {
  const { rows } = await db.query<{ workspace_id: string; place: string }>(
    `select r.workspace_id, min(r.place) as place from resources r join gates g using (workspace_id)
     where r.state = 'releasing' and r.place = any ($1) and r.next_attempt_at <= clock_timestamp()
       and ${IDLE}
     group by r.workspace_id order by min(r.next_attempt_at) limit $2`,
    [places, limit],
  );
  return rows;
}
