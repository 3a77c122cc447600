import { randomUUID } from "node:crypto";
import { BerthError } from "../base/errors.js";
import type { NewEvent } from "../db/events.js";
import { lockGates, takeTicket, type Gate } from "../db/gates.js";
import { insertOperation, succeededSince, type Operation } from "../db/operations.js";
import type { Pool, Tx } from "../db/pool.js";
import type { Workspace } from "../db/workspaces.js";
import {
  accepts,
  acceptedFrom,
  projectedStatus,
  type OperationKind,
  type Source,
} from "../domain/operation.js";
import { hasCompute } from "../domain/backend.js";
import type { Dispatcher } from "../gate/dispatcher.js";
import type { Asker } from "./idempotency.js";

/** Who asks, and how often each attempt may be repeated. */
export interface RequestContext {
  pool: Pool;
  dispatcher: Dispatcher;
  maxAttempts: number;
}

/** The API, or a sweep, and on whose behalf. */
export interface Requester extends Asker {
  source: Source;
  /** The failed or cancelled operation that this request is to make good. */
  retryOf?: string;
}

/** What must hold for a request to be accepted. */
export interface Condition {
  /** The version that the workspace must have: `precondition_failed` otherwise. */
  ifVersion?: number;
}

/** An accepted request: the workspace after it and the operation that will serve it. */
export interface Accepted {
  workspace: Workspace;
  operation: Operation;
}

/** The caller has locked the gate. @throws BerthError `precondition_failed`. */
export function requireVersion({ version }: Workspace, { ifVersion }: Condition): void {
  if (ifVersion !== undefined && ifVersion !== version)
    throw new BerthError("precondition_failed", `its version is ${version}, not ${ifVersion}`, { version });
}

/** Locks the gate of a workspace. @throws BerthError `workspace_not_found`. */
export async function requireGate(tx: Tx, workspaceId: string): Promise<Gate> {
  const [gate] = await lockGates(tx, [workspaceId]);
  if (gate === undefined)
    throw new BerthError("workspace_not_found", `there is no workspace ${workspaceId}`, {
      workspace_id: workspaceId,
    });
  return gate;
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

/** Takes the next ticket for a new operation. The caller has locked the gate. */
export async function enqueue(
  tx: Tx,
  context: Pick<RequestContext, "maxAttempts">,
  workspaceId: string,
  kind: OperationKind,
  requester: Omit<Requester, "once">,
): Promise<Operation> {
  if (requester.retryOf !== undefined && kind !== "delete") await requireNoneSucceeded(tx, requester.retryOf);
  return insertOperation(tx, {
    id: randomUUID(),
    workspace_id: workspaceId,
    ticket: await takeTicket(tx, workspaceId),
    kind,
    source: requester.source,
    requested_by: requester.requestedBy,
    max_attempts: context.maxAttempts,
    ...(requester.retryOf === undefined || requester.source === "cascade"
      ? {}
      : { retry_of: requester.retryOf }),
  });
}

/** What has been made good since isn't done once more. Asked here: a request sent again isn't a new one. */
async function requireNoneSucceeded(tx: Tx, retryOf: string): Promise<void> {
  const later = await succeededSince(tx, retryOf);
  if (later !== null)
    throw new BerthError(
      "not_retryable",
      `operation ${later}, accepted after it, has succeeded: ask for what you want now`,
      { operation_id: retryOf, succeeded_since: later },
    );
}

/** Hands an accepted operation to the queue. It is accepted whether or not that succeeds (I6). */
export async function dispatch(dispatcher: Dispatcher, operation: Operation, isNext: boolean): Promise<void> {
  await dispatcher.add(operation, isNext ? "now" : "parked").catch(() => undefined);
}

/** Tells that an operation was accepted. */
export function requestedEvent(
  operation: Operation,
  requester: Omit<Requester, "once">,
  payload: Record<string, unknown> = {},
): NewEvent {
  return {
    event_type: `workspace.${operation.kind}.requested`,
    workspace_id: operation.workspace_id,
    operation_id: operation.id,
    payload: { ...payload, ...by(requester) },
  };
}

export function by(requester: Omit<Requester, "once">): { source: Source; requested_by: string } {
  return { source: requester.source, requested_by: requester.requestedBy };
}
