import type { BackendName } from "../domain/backend.js";
import type { Spec } from "../domain/spec.js";
import type { Status } from "../domain/status.js";
import { isShared, merged } from "./merged.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";
import { tellStatus } from "./words.js";

export interface Workspace {
  id: string;
  name: string;
  parent_id: string | null;
  backend: BackendName;
  /** Where its backend makes its things. */
  place: string;
  /** What the labels of each place that it ever gets must be. */
  place_labels: Record<string, string>;
  /** Whether it may start in another place, with an empty volume, when its own is drained. */
  may_move: boolean;
  spec: Spec;
  labels: Record<string, string>;
  status: Status;
  status_reason: string | null;
  generation: number;
  instance_id: string | null;
  url: string | null;
  version: number;
  last_heartbeat_at: Date | null;
  active_tasks: number;
  error_rate: number;
  last_launched_at: Date | null;
  hibernate_after_minutes: number | null;
  expires_at: Date | null;
  /** Of one that is offline: when Berth tries a restart by itself. */
  next_restart_at: Date | null;
  /** How many restarts in a row have failed for a cause that may pass. */
  restart_tries: number;
  created_at: Date;
  updated_at: Date;
  removed_at: Date | null;
}

/** Everything but the spec, which may be large, and the token's hash, which no reader needs. */
export const LISTED_COLUMNS = `id, name, parent_id, backend, place, place_labels, may_move, labels, status, status_reason, generation, instance_id, url,
  version, last_heartbeat_at, active_tasks, error_rate, last_launched_at, hibernate_after_minutes, expires_at,
  next_restart_at, restart_tries, created_at, updated_at, removed_at`;
export const WORKSPACE_COLUMNS = `${LISTED_COLUMNS}, spec`;

export interface NewWorkspace {
  id: string;
  name: string;
  parent_id: string | null;
  backend: BackendName;
  /** Absent: the one place that its backend has without further configuration. */
  place?: string;
  place_labels?: Record<string, string> | undefined;
  may_move?: boolean;
  spec: Spec;
  labels: Record<string, string>;
  hibernate_after_minutes: number | null;
  expires_at: Date | null;
}

/** Inserts a workspace as `provisioning` with its gate. */
export async function insertWorkspace(tx: Tx, workspace: NewWorkspace): Promise<Workspace> {
  const all = await merged(tx, insertWorkspaces, [workspace], { changes: true });
  return all.find(({ id }) => id === workspace.id)!;
}

async function insertWorkspaces(db: Queryable, workspaces: readonly NewWorkspace[]): Promise<Workspace[]> {
  const { rows } = await db.query<Workspace>(
    `with made as (
       insert into workspaces (id, name, parent_id, backend, place, spec, labels, hibernate_after_minutes, expires_at, place_labels,
         may_move, status)
       select id, name, parent_id, backend, place, spec, labels, hibernate_after_minutes, expires_at, coalesce(place_labels, '{}'),
         coalesce(may_move, false), 'provisioning'
       from jsonb_to_recordset($1) as wanted (id uuid, name text, parent_id uuid, backend text, place text, spec jsonb, labels jsonb,
         hibernate_after_minutes int, expires_at timestamptz, place_labels jsonb, may_move boolean)
       returning ${WORKSPACE_COLUMNS}
     ), gate as (insert into gates (workspace_id) select id from made)
     select * from made`,
    [JSON.stringify(workspaces)],
  );
  return rows;
}

export async function getWorkspace(db: Queryable, id: string): Promise<Workspace | null> {
  if (isShared(db as Tx))
    return (await merged(db, getWorkspaces, [id])).find((workspace) => workspace.id === id) ?? null;
  const { rows } = await db.query<Workspace>(`select ${WORKSPACE_COLUMNS} from workspaces where id = $1`, [
    id,
  ]);
  return rows[0] ?? null;
}

export async function getWorkspaces(db: Queryable, ids: readonly string[]): Promise<Workspace[]> {
  const { rows } = await db.query<Workspace>(
    `select ${WORKSPACE_COLUMNS} from workspaces where id = any ($1)`,
    [ids],
  );
  return rows;
}

/** Marks workspaces removed and revokes their tokens. Their `instance_id` stays until proven gone (I4). */
export async function markRemoved(tx: Tx, ids: readonly string[], reason: string): Promise<void> {
  await sendAlong(
    tx,
    `update workspaces set status = 'removed', status_reason = $2, removed_at = clock_timestamp(), token_hash = null
     where id = any ($1) and status <> 'removed'`,
    [ids, reason],
  );
  const rows = ids.map((id) => ({ id }));
  tellStatus(tx, rows);
}

export interface WorkspaceChanges {
  name?: string;
  labels?: Record<string, string>;
  spec?: Spec;
  hibernate_after_minutes?: number | null;
  expires_at?: Date | null;
  place_labels?: Record<string, string>;
  may_move?: boolean;
}

/** Applies the fields given; a changed spec counts from the next launch. Null if there is no such row. */
export async function updateWorkspace(
  tx: Tx,
  id: string,
  changes: WorkspaceChanges,
): Promise<Workspace | null> {
  const { rows } = await tx.query<Workspace>(
    `update workspaces set
       name = coalesce($2, name),
       labels = coalesce($3, labels),
       place_labels = coalesce($9, place_labels),
       may_move = coalesce($10, may_move),
       spec = coalesce($4, spec),
       hibernate_after_minutes = case when $5 then $6 else hibernate_after_minutes end,
       expires_at = case when $7 then $8 else expires_at end,
       -- Another time is announced anew.
       expiry_noticed_at = case when $7 and expires_at is distinct from $8 then null else expiry_noticed_at end
     where id = $1 returning ${WORKSPACE_COLUMNS}`,
    [
      id,
      changes.name ?? null,
      changes.labels === undefined ? null : JSON.stringify(changes.labels),
      changes.spec === undefined ? null : JSON.stringify(changes.spec),
      changes.hibernate_after_minutes !== undefined,
      changes.hibernate_after_minutes ?? null,
      changes.expires_at !== undefined,
      changes.expires_at ?? null,
      changes.place_labels === undefined ? null : JSON.stringify(changes.place_labels),
      changes.may_move ?? null,
    ],
  );
  return rows[0] ?? null;
}

/** Deletes the rows of removed workspaces, with their gates and operations; ledger and events stay. */
export async function purgeWorkspaces(tx: Tx, ids: readonly string[]): Promise<void> {
  await sendAlong(tx, "delete from workspaces where id = any ($1) and status = 'removed'", [ids]);
}

/** A change of a workspace's status. */
export interface StatusChange {
  id: string;
  status: Status;
  reason: string | null;
  /** Of `offline`: in how many ms Berth tries a restart by itself. Absent: it doesn't. */
  restart_in_ms?: number;
  /** True: it was a restart that failed for a cause that may pass. */
  tried?: boolean;
}

/** Changes statuses, but never that of a removed workspace. How often restarts failed is forgotten when one didn't. */
export async function changeStatuses(tx: Tx, changes: readonly StatusChange[]): Promise<void> {
  if (changes.length === 0) return;
  await sendAlong(
    tx,
    `update workspaces w set status = c.status, status_reason = c.reason,
       next_restart_at = case when c.status = 'offline'
         then clock_timestamp() + c.restart_in_ms * interval '1 millisecond' end,
       restart_tries = case when c.tried then w.restart_tries + 1
         when c.status in ('offline', 'provisioning') then w.restart_tries else 0 end,
       restart_tries_since = case when c.tried then coalesce(w.restart_tries_since, clock_timestamp())
         when c.status in ('offline', 'provisioning') then w.restart_tries_since end
     from jsonb_to_recordset($1) as c (id uuid, status text, reason text, restart_in_ms float8, tried boolean)
     where w.id = c.id and w.status <> 'removed'`,
    [JSON.stringify(changes)],
  );
  tellStatus(tx, changes);
}

/** Begins a launch: the next generation, its token's hash, and `provisioning`. */
export async function beginGeneration(
  tx: Tx,
  id: string,
  generation: number,
  tokenHash: Buffer,
  reason: string | null,
): Promise<void> {
  await sendAlong(
    tx,
    `update workspaces set generation = $2, token_hash = $3, status = 'provisioning', status_reason = $4,
       last_heartbeat_at = null, active_tasks = 0, error_rate = 0
     where id = $1 and status <> 'removed' and generation <= $2`,
    [id, generation, tokenHash, reason],
  );
  tellStatus(tx, [{ id }]);
}

/** What runs now, of which generation. */
export async function setInstance(
  tx: Tx,
  id: string,
  instance: { providerId: string; url: string | null },
): Promise<void> {
  await sendAlong(
    tx,
    `update workspaces set instance_id = $2, url = $3, last_launched_at = clock_timestamp() where id = $1`,
    [id, instance.providerId, instance.url],
  );
}

export async function setUrl(tx: Tx, id: string, url: string): Promise<void> {
  await sendAlong(tx, "update workspaces set url = $2 where id = $1", [id, url]);
}

/** Nothing runs any more: its instance is proven gone (I4). */
export async function clearInstance(tx: Tx, id: string): Promise<void> {
  await sendAlong(
    tx,
    "update workspaces set instance_id = null, url = null where id = $1 and instance_id is not null",
    [id],
  );
}

/** Its agent is no longer heard (I9), whatever still runs. */
export async function revokeToken(tx: Tx, id: string): Promise<void> {
  await sendAlong(tx, "update workspaces set token_hash = null where id = $1 and token_hash is not null", [
    id,
  ]);
}
