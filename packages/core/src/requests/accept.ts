import { BerthError, workspaceNotFound } from "../base/errors.js";
import { insertEvents } from "../db/events.js";
import type { EventPayload, NewEvent } from "../domain/events.js";
import { lockGates, type Gate } from "../db/gates.js";
import { coalesceInto, unfinishedOf, type Operation } from "../db/operations.js";
import type { Pool, Tx } from "../db/pool.js";
import { getWorkspace, type Workspace } from "../db/workspaces.js";
import {
  accepts,
  acceptedFrom,
  projectedStatus,
  type OperationKind,
  type Source,
} from "../domain/operation.js";
import { hasCompute } from "../domain/backend.js";
import type { Policy } from "../domain/policy.js";
import type { Dispatcher } from "../gate/dispatcher.js";
import { enqueue } from "./enqueue.js";
import type { Asker } from "./idempotency.js";

/** What a request needs to be accepted, and how many attempts its operation has. */
export interface RequestContext {
  pool: Pool;
  dispatcher: Dispatcher;
  maxAttempts: number;
  /** What workspaces may be; absent: whatever is asked for. */
  policy?: Policy;
}

/** The API, or a sweep, and on whose behalf. */
export interface Requester extends Asker {
  source: Source;
  /** It asks with a key of one tenant. */
  ofTenant?: boolean;
  /** The failed or cancelled operation that this request is to make good. */
  retryOf?: string;
  /** The operation of the workspace that was asked for, in a cascade. */
  partOf?: string | undefined;
  /** Where the workspace's volume has vanished, an empty one is to take its place. */
  newVolume?: boolean;
}

/** On whose behalf, for what is the same for equal requests. */
export type RequestedBy = Omit<Requester, "once">;

/** What must hold for a request to be accepted. */
export interface Condition {
  /** The version that the workspace must have: `precondition_failed` otherwise. */
  ifVersion?: number;
}

/** An accepted request: the workspace before its operation has run, and the operation that will serve it. */
export interface Accepted {
  workspace: Workspace;
  operation: Operation;
}

/**
 * `isNext`: its operation's turn has come. Null: it was counted into one that has its job, or that the dispatch sweep will
 * see to.
 */
export type AcceptedInTurn = Accepted & { isNext: boolean | null };

/** When a request is served by what was accepted before, and what may refuse it. */
export interface Terms {
  /** How many equal requests this is. */
  count?: number;
  /** True if the last unfinished operation serves it too. */
  servedBy(last: Operation): boolean;
  /** Throws a BerthError to refuse what the workspace's status allows. */
  allow?(last: Operation | undefined, workspace: Workspace): Promise<void> | void;
}

/**
 * Accepts a request for one workspace: locks its gate, looks at its last unfinished operation, and either counts the
 * request into that one, or refuses it, or takes the next ticket for a new operation and tells of it.
 * @throws BerthError `workspace_not_found`, `precondition_failed`, `illegal_transition`, `not_retryable`, and what
 * `terms.allow` throws.
 */
export async function accept(
  tx: Tx,
  context: Pick<RequestContext, "maxAttempts">,
  { workspaceId, kind }: { workspaceId: string; kind: OperationKind },
  requester: Condition & RequestedBy,
  { count = 1, servedBy, allow }: Terms,
): Promise<AcceptedInTurn> {
  const [{ gate, workspace }, unfinished] = await Promise.all([
    lockWorkspace(tx, workspaceId),
    unfinishedOf(tx, [workspaceId]),
  ]);
  requireVersion(workspace, requester);
  const last = unfinished.at(-1);
  if (last !== undefined && servedBy(last)) {
    const operation = await coalesceInto(tx, last.id, { requests: count, newVolume: requester.newVolume });
    return { workspace, operation, isNext: null };
  }
  requireAccepted(workspace, kind, last);
  await allow?.(last, workspace);
  const first = await enqueue(tx, context, workspaceId, kind, requester);
  const operation = count === 1 ? first : await coalesceInto(tx, first.id, { requests: count - 1 });
  await insertEvents(tx, [requestedEvent(operation, requester)]);
  return { workspace, operation, isNext: isNext(gate, operation) };
}

/** Locks the gate of a workspace, and only then reads it: these are sent together, and carried out one after the other. @throws BerthError `workspace_not_found`. */
export async function lockWorkspace(
  tx: Tx,
  workspaceId: string,
): Promise<{ gate: Gate; workspace: Workspace }> {
  const [[gate], workspace] = await Promise.all([
    lockGates(tx, [workspaceId]),
    getWorkspace(tx, workspaceId),
  ]);
  if (gate === undefined) throw workspaceNotFound(workspaceId);
  return { gate, workspace: workspace! };
}

/** The caller has locked the gate. @throws BerthError `precondition_failed`. */
export function requireVersion({ version }: Workspace, { ifVersion }: Condition): void {
  if (ifVersion !== undefined && ifVersion !== version)
    throw new BerthError("precondition_failed", `its version is ${version}, not ${ifVersion}`, { version });
}

/** @throws BerthError `illegal_transition`. `last` is its last unfinished operation. */
export function requireAccepted(
  workspace: Workspace,
  kind: OperationKind,
  last: Operation | undefined,
): void {
  if (!hasCompute(workspace.backend) && kind !== "delete")
    throw new BerthError(
      "illegal_transition",
      `a workspace of backend ${workspace.backend} runs elsewhere: Berth can't ${kind} it`,
      { status: workspace.status, wanted: kind, backend: workspace.backend },
    );
  const status = projectedStatus(workspace.status, last?.kind ?? null);
  if (accepts(status, kind)) return;
  throw new BerthError(
    "illegal_transition",
    (status === workspace.status
      ? `a workspace that is ${status} can't be asked to ${kind}`
      : `the workspace is ${workspace.status} and will be ${status}; then it can't be asked to ${kind}`) +
      (status === "removed" ? "" : `: only one that is ${acceptedFrom(kind).join(", ")} can`),
    {
      status: workspace.status,
      status_when_reached: status,
      wanted: kind,
      accepted_from: acceptedFrom(kind),
    },
  );
}

/** True if nothing unfinished is before an operation: its job may run now. */
export function isNext({ head }: Pick<Gate, "head">, { ticket }: Pick<Operation, "ticket">): boolean {
  return ticket === head + 1;
}

/** False if a new volume may take the place of one that has vanished, and the operation has begun without that word. */
export function agreesOnVolume(
  { state, new_volume }: Operation,
  { newVolume = false }: RequestedBy,
): boolean {
  return !newVolume || new_volume || state === "queued";
}

/** Hands an accepted operation to the queue. It is accepted whether or not that succeeds (I6). */
export async function dispatch(dispatcher: Dispatcher, operation: Operation, next: boolean): Promise<void> {
  await dispatcher.add(operation, next ? "now" : "parked").catch(() => undefined);
}

/** Tells that an operation was accepted. */
export function requestedEvent(
  operation: Operation,
  requester: RequestedBy,
  payload: Partial<Omit<EventPayload<"workspace.restart.requested">, keyof ReturnType<typeof by>>> = {},
): NewEvent {
  return {
    event_type: `workspace.${operation.kind}.requested`,
    workspace_id: operation.workspace_id,
    operation_id: operation.id,
    payload: { ...payload, ...by(requester) },
  };
}

/** Who asked, as events tell it. */
export function by(requester: RequestedBy): { source: Source; requested_by: string } {
  return { source: requester.source, requested_by: requester.requestedBy };
}
