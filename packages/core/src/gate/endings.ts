import { newEvent, type EventPayload, type EventType, type NewEvent } from "../domain/events.js";
import type { Operation, OperationError } from "../db/operations.js";
import type { Resource } from "../db/resources.js";
import type { Workspace } from "../db/workspaces.js";
import { hasCompute } from "../domain/backend.js";
import { statusAfter, type OperationKind } from "../domain/operation.js";
import type { Finish } from "./finish.js";

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
  return { state: "succeeded", error: null, status: after, statusReason: null, released: false, events };
}

/**
 * `requestedBy` is null where a delete wanted it out of its way. What somebody cancelled leaves its workspace as it
 * was if it hadn't begun, or what ran is `kept`; else `failed`, as a failure does: its agent isn't heard any more, and what
 * it launched is to go (the ledger sees to that).
 */
export function cancelled(operation: Operation, requestedBy: string | null = null, kept = false): Ending {
  const message = requestedBy === null ? "the workspace was deleted" : `cancelled by ${requestedBy}`;
  const falls = requestedBy !== null && !kept && (operation.kind === "provision" || operation.phase !== null);
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
    status: falls ? "failed" : kept ? statusAsBefore(operation) : null,
    statusReason: falls ? `operation_cancelled: ${message}` : null,
    released: falls,
    events,
  };
}

/** How the last attempt of an operation failed. */
export interface Failure {
  phase: string;
  error: OperationError;
  /** Things of the workspace that are to go and aren't proven gone. */
  owed: readonly Pick<Resource, "id" | "kind" | "provider_id" | "attempts" | "next_attempt_at">[];
  /** True if the cause may end without any change of what was asked. */
  passing: boolean;
  /** True if what ran before runs on. */
  kept: boolean;
  /** When a restart would be tried next, in ms. */
  restartInMs: number;
}

/**
 * The last attempt failed. A stop that couldn't be proven leaves its obligation in the ledger, where it is
 * driven on; the event is its durable trace.
 */
export function failed(operation: Operation, workspace: Workspace, failure: Failure): Ending {
  const { phase, error, owed } = failure;
  const [code, type] = failureOf(operation, phase, error);
  const left = leftBehind(operation, failure, `${code}: ${error.message}`);
  const instanceId =
    workspace.instance_id ?? owed.find((row) => row.kind === "instance")?.provider_id ?? null;
  const events: NewEvent[] = [
    event(operation, type, {
      workspace_id: operation.workspace_id,
      instance_id: instanceId,
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
  if (left.status === "failed")
    events.push(event(operation, "workspace.failed", { reason: code, message: error.message }));
  if (left.status === "offline")
    events.push(
      event(operation, "workspace.offline", {
        reason: code,
        from: operation.status_before ?? workspace.status,
        instance_id: instanceId,
        generation: operation.generation ?? workspace.generation,
      }),
    );
  return { state: "failed", error: { ...error, code }, ...left, events };
}

type Left = Pick<Ending, "status" | "statusReason" | "released" | "restartInMs">;

/**
 * What a failed operation makes of its workspace: no worse than before, and where Berth can go on by itself it does (I14).
 * A stop that a provider has begun is carried on by the ledger, and the start after it by the next restart.
 */
function leftBehind(operation: Operation, failure: Failure, why: string): Left {
  const { kind } = operation;
  const { phase, passing, kept, restartInMs } = failure;
  if (kind === "delete") return { status: null, statusReason: null, released: false };
  if (kind === "pause" || kind === "hibernate") {
    if (kept) return { status: null, statusReason: null, released: false };
    // Nothing of it runs any more; what is left to go is its name.
    if (phase === "dns") return { status: statusOfSuspended(kind), statusReason: why, released: false };
    return { status: "failed", statusReason: why, released: true };
  }
  if (kept && operation.status_before !== "offline")
    return {
      status: statusAsBefore(operation),
      statusReason: `its ${kind} has failed, and what ran before runs on: ${why}`,
      released: false,
    };
  if (passing && kind !== "provision")
    return { status: "offline", statusReason: why, restartInMs, released: !kept };
  const hint = passing ? "; the cause may pass, then a retry of the operation succeeds" : "";
  return { status: "failed", statusReason: `${why}${hint}`, released: !kept };
}

function statusOfSuspended(kind: "pause" | "hibernate"): "paused" | "hibernated" {
  return kind === "pause" ? "paused" : "hibernated";
}

/** Null where the operation has changed none. Its agent says by itself that it reports errors. */
function statusAsBefore({ status_before: before }: Operation): Finish["status"] {
  return before === "degraded" ? "online" : before;
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
