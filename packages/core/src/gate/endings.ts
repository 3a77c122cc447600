import { newEvent, type EventPayload, type EventType, type NewEvent } from "../domain/events.js";
import type { Operation, OperationError } from "../db/operations.js";
import type { Resource } from "../db/resources.js";
import type { Workspace } from "../db/workspaces.js";
import { hasCompute } from "../domain/backend.js";
import { statusAfter, type OperationKind } from "../domain/operation.js";
import type { Finish } from "./gate.js";

type Ending = Omit<Finish, "hold">;

/** What the end of an operation changes and tells. Pure: the runner records it. */
export function succeeded(operation: Operation, workspace: Workspace): Ending {
  const after = statusOf(operation, workspace);
  const events: NewEvent[] = [
    event(operation, `workspace.${operation.kind}.succeeded`, {
      attempt: operation.attempt,
      coalesced: operation.coalesced,
      ...(operation.generation === null ? {} : { generation: operation.generation }),
    }),
  ];
  if (after !== null)
    events.push(event(operation, `workspace.${after}`, { generation: operation.generation }));
  return { state: "succeeded", error: null, status: after, statusReason: null, events };
}

/**
 * `requestedBy` is null where a delete wanted it out of its way. What somebody cancelled leaves its workspace as it
 * was if it hadn't begun; else `failed`, as a failure does: its agent isn't heard any more, and what it launched is
 * to go (the ledger sees to that).
 */
export function cancelled(operation: Operation, requestedBy: string | null = null): Ending {
  const message = requestedBy === null ? "the workspace was deleted" : `cancelled by ${requestedBy}`;
  const falls = requestedBy !== null && (operation.kind === "provision" || operation.phase !== null);
  const events: NewEvent[] = [
    event(operation, `workspace.${operation.kind}.cancelled`, {
      reason: message,
      phase: operation.phase,
      coalesced: operation.coalesced,
      ...(requestedBy === null ? {} : { cancelled_by: requestedBy }),
    }),
  ];
  if (falls) events.push(event(operation, "workspace.failed", { reason: "operation_cancelled", message }));
  return {
    state: "cancelled",
    error: { code: "operation_cancelled", message, provider_code: null },
    status: falls ? "failed" : null,
    statusReason: falls ? `operation_cancelled: ${message}` : null,
    events,
  };
}

/** How the last attempt of an operation failed. */
export interface Failure {
  phase: string;
  error: OperationError;
  instanceId: string | null;
  /** Things of the workspace that are to go and aren't proven gone. */
  owed: readonly Pick<Resource, "id" | "kind" | "provider_id" | "attempts" | "next_attempt_at">[];
}

/**
 * The last attempt failed. A stop that couldn't be proven leaves its obligation in the ledger, where it is
 * driven on; the event is its durable trace.
 */
export function failed(operation: Operation, { phase, error, instanceId, owed }: Failure): Ending {
  const [code, type] = failureOf(operation, phase, error);
  const events: NewEvent[] = [
    event(operation, type, {
      workspace_id: operation.workspace_id,
      instance_id: instanceId ?? owed.find((row) => row.kind === "instance")?.provider_id ?? null,
      phase,
      attempts: operation.attempt,
      code: error.code,
      provider_code: error.provider_code,
      message: error.message,
      // What the sweep of removed instances goes on with, and when.
      owed: owed.map(({ id, kind, provider_id, attempts }) => ({
        resource_id: id,
        kind,
        provider_id,
        attempts,
      })),
      next_attempt_at: firstOf(owed.flatMap((row) => row.next_attempt_at ?? [])),
    }),
  ];
  const launches = operation.kind !== "delete";
  if (launches) events.push(event(operation, "workspace.failed", { reason: code, message: error.message }));
  return {
    state: "failed",
    error: { ...error, code },
    status: launches ? "failed" : null,
    statusReason: launches ? `${code}: ${error.message}` : null,
    events,
  };
}

function firstOf(times: readonly Date[]): Date | null {
  return times.length === 0 ? null : new Date(Math.min(...times.map((time) => time.getTime())));
}

type FailureType =
  | "workspace.delete.terminate_retry_exhausted"
  | `workspace.${OperationKind}.${"failed" | "stop_retry_exhausted"}`;
function failureOf(
  operation: Operation,
  phase: string,
  error: OperationError,
): [code: string, eventType: FailureType] {
  if (operation.kind === "delete")
    return ["terminate_retry_exhausted", "workspace.delete.terminate_retry_exhausted"];
  if (phase === "stop") return ["stop_retry_exhausted", `workspace.${operation.kind}.stop_retry_exhausted`];
  return [error.code, `workspace.${operation.kind}.failed`];
}

/** Null: it stays as it is, since the request of a delete has changed it. */
function statusOf(
  { kind }: Operation,
  workspace: Workspace,
): "awaiting_agent" | "online" | "paused" | "hibernated" | null {
  const after = statusAfter(kind);
  if (after === "removed") return null;
  if (after !== "online") return after;
  return workspace.spec.readiness === "agent" || !hasCompute(workspace.backend) ? "awaiting_agent" : "online";
}

function event<T extends EventType>(
  operation: Operation,
  type: T,
  payload: Omit<EventPayload<T>, "requested_by">,
): NewEvent {
  const told = { ...payload, requested_by: operation.requested_by } as unknown as EventPayload<T>;
  return newEvent(type, operation.workspace_id, told, operation.id);
}
