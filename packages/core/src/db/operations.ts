import type { OperationKind, OperationState, Source } from "../domain/operation.js";
import type { Status } from "../domain/status.js";
import { isShared, merged } from "./merged.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";

/** Why an attempt failed: Berth's code, a sentence, and the provider's own code if it gave one. */
export interface OperationError {
  code: string;
  message: string;
  provider_code: string | null;
  /** True if the cause may end without any change of what was asked. Undefined: it isn't known. */
  retryable?: boolean;
}

export interface Operation {
  id: string;
  workspace_id: string;
  /** Where its workspace is. */
  place: string;
  ticket: number;
  kind: OperationKind;
  state: OperationState;
  generation: number | null;
  source: Source;
  requested_by: string;
  /** How many requests this operation stands for. */
  coalesced: number;
  attempt: number;
  max_attempts: number;
  takeovers: number;
  next_attempt_at: Date | null;
  fence: number | null;
  phase: string | null;
  /** What it waits, or waited last, for at its provider while it holds no gate, and since when: `waits.ts`. */
  waits_for: string | null;
  waiting_since: Date | null;
  /** What the workspace was when it began; null: it hasn't noted that. */
  status_before: Status | null;
  cancel_requested_at: Date | null;
  /** Null if a delete asks. */
  cancel_requested_by: string | null;
  /** The failed or cancelled operation that this one is to make good. */
  retry_of: string | null;
  /** The operation of whose request it is a part: a cascade's. */
  part_of: string | null;
  /** Of the request, or the run of a sweep, that accepted it; null: nothing was traced. */
  trace_id: string | null;
  /** Where its volume has vanished, an empty one takes its place. */
  new_volume: boolean;
  error: OperationError | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

export interface NewOperation {
  id: string;
  workspace_id: string;
  kind: OperationKind;
  source: Source;
  requested_by: string;
  max_attempts: number;
  retry_of?: string;
  part_of?: string;
  trace_id?: string;
  new_volume?: boolean;
}

/** Adds operations, one a workspace, each with the next ticket of its workspace, whose gate the caller has locked. @returns them in order */
export async function insertOperations(tx: Tx, operations: readonly NewOperation[]): Promise<Operation[]> {
  if (operations.length === 0) return [];
  const all = await merged(tx, insertAll, operations, { changes: true });
  const made = new Map(all.map((operation) => [operation.id, operation]));
  return operations.map(({ id }) => made.get(id)!);
}

async function insertAll(db: Queryable, operations: readonly NewOperation[]): Promise<Operation[]> {
  const { rows } = await db.query<Operation>(
    `with wanted as (
       select * from rows from (
         jsonb_to_recordset($1) as (id uuid, workspace_id uuid, kind text, source text, requested_by text, max_attempts int,
           retry_of uuid, new_volume boolean, part_of uuid, trace_id text)
       ) with ordinality as w (id, workspace_id, kind, source, requested_by, max_attempts, retry_of, new_volume, part_of, trace_id, n)
     ), taken as (
       update gates g set tail = g.tail + 1 from wanted w where g.workspace_id = w.workspace_id returning g.workspace_id, g.tail
     )
     insert into operations (id, workspace_id, ticket, kind, source, requested_by, max_attempts, retry_of, new_volume, part_of,
       trace_id)
     select w.id, w.workspace_id, t.tail, w.kind, w.source, w.requested_by, w.max_attempts, w.retry_of,
       coalesce(w.new_volume, false), w.part_of, w.trace_id
     from wanted w join taken t on t.workspace_id = w.workspace_id order by w.n returning *`,
    [JSON.stringify(operations)],
  );
  return rows;
}

export async function getOperation(db: Queryable, id: string): Promise<Operation | null> {
  const { rows } = await db.query<Operation>("select * from operations where id = $1", [id]);
  return rows[0] ?? null;
}

export async function getOperations(db: Queryable, ids: readonly string[]): Promise<Operation[]> {
  const { rows } = await db.query<Operation>("select * from operations where id = any ($1)", [ids]);
  return rows;
}

/** The operation that holds a ticket of a workspace. */
export async function getByTicket(
  db: Queryable,
  workspaceId: string,
  ticket: number,
): Promise<Operation | null> {
  const { rows } = await db.query<Operation>(
    "select * from operations where workspace_id = $1 and ticket = $2",
    [workspaceId, ticket],
  );
  return rows[0] ?? null;
}

/** The unfinished operations of each of these workspaces, in order. */
export async function unfinishedOf(db: Queryable, workspaceIds: readonly string[]): Promise<Operation[]> {
  const rows = await merged(db, allUnfinishedOf, workspaceIds);
  return isShared(db as Tx) ? rows.filter((row) => workspaceIds.includes(row.workspace_id)) : rows;
}

async function allUnfinishedOf(db: Queryable, workspaceIds: readonly string[]): Promise<Operation[]> {
  const { rows } = await db.query<Operation>(
    `select * from operations where workspace_id = any ($1) and state in ('queued', 'running')
     order by workspace_id, ticket`,
    [workspaceIds],
  );
  return rows;
}

/** Counts further requests that a waiting operation stands for. */
export async function coalesceInto(
  tx: Tx,
  id: string,
  { requests = 1, newVolume = false } = {},
): Promise<Operation> {
  const { rows } = await tx.query<Operation>(
    "update operations set coalesced = coalesced + $2, new_volume = new_volume or $3 where id = $1 returning *",
    [id, requests, newVolume],
  );
  return rows[0]!;
}

/** Ends operations before they ran to their end. */
export async function cancelOperations(tx: Tx, ids: readonly string[], error: OperationError): Promise<void> {
  if (ids.length === 0) return;
  await sendAlong(
    tx,
    `update operations set state = 'cancelled', error = $2, finished_at = clock_timestamp(), next_attempt_at = null
     where id = any ($1) and state in ('queued', 'running')`,
    [ids, JSON.stringify(error)],
  );
}

/**
 * Asks running operations to stop at their next safe point; what waits for its next attempt needn't any longer.
 * `requestedBy` is null for a delete.
 */
export async function requestCancel(
  tx: Tx,
  ids: readonly string[],
  requestedBy: string | null = null,
): Promise<void> {
  if (ids.length === 0) return;
  await sendAlong(
    tx,
    `update operations set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
       cancel_requested_by = $2, next_attempt_at = null
     where id = any ($1) and state = 'running'`,
    [ids, requestedBy],
  );
}

/** The first operation accepted after this one, of the same workspace, that succeeded. */
export async function succeededSince(db: Queryable, id: string): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>(
    `select later.id from operations o
     join operations later on later.workspace_id = o.workspace_id and later.ticket > o.ticket
     where o.id = $1 and later.state = 'succeeded' order by later.ticket limit 1`,
    [id],
  );
  return rows[0]?.id ?? null;
}

export type FinishedState = Exclude<OperationState, "queued" | "running">;

/** Ends running operations; one that didn't succeed keeps the step it ended at. The caller holds their gates. */
export async function finishOperations(
  tx: Tx,
  ends: readonly { id: string; state: FinishedState; error: OperationError | null }[],
): Promise<void> {
  if (ends.length === 0) return;
  await sendAlong(
    tx,
    `update operations o set state = e.state, error = e.error, finished_at = clock_timestamp(), next_attempt_at = null,
       phase = case when e.state = 'succeeded' then null else o.phase end
     from jsonb_to_recordset($1) as e (id uuid, state text, error jsonb)
     where o.id = e.id and o.state = 'running'`,
    [JSON.stringify(ends)],
  );
}

/**
 * Puts an operation back to wait for its next attempt; it stays `running`, so nothing overtakes it (I2). One that has
 * waited for its provider goes on with the same attempt, which no claim counts again.
 */
export async function returnOperation(
  tx: Tx,
  id: string,
  options: { spentAttempt: boolean; error: OperationError | null; delayMs: number },
): Promise<void> {
  await sendAlong(
    tx,
    `update operations set attempt = attempt - case when $2 or waiting_since is not null then 0 else 1 end,
       waits_for = case when not $2 then waits_for end, waiting_since = case when not $2 then waiting_since end,
       error = coalesce($3, error),
       next_attempt_at = case when $4 > 0 and cancel_requested_at is null then clock_timestamp() + $4 * interval '1 millisecond' end
     where id = $1 and state = 'running'`,
    [
      id,
      options.spentAttempt,
      options.error === null ? null : JSON.stringify(options.error),
      options.delayMs,
    ],
  );
}
