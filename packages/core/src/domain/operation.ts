import type { Status } from "./status.js";

export const OPERATION_KINDS = ["provision", "restart", "pause", "resume", "hibernate", "delete"] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** What may be asked for of many workspaces at once. */
export const BULK_KINDS = ["restart", "pause", "resume", "hibernate", "delete"] as const;
export type BulkKind = (typeof BULK_KINDS)[number];

export const OPERATION_STATES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
/** `running` includes the backoff between two attempts: the operation keeps its place in its group (I2). */
export type OperationState = (typeof OPERATION_STATES)[number];

/** Who asked for an operation. */
export const SOURCES = ["api", "cascade", "reconciler", "liveness", "idle", "schedule"] as const;
export type Source = (typeof SOURCES)[number];

/** From which status each kind may be accepted. `delete` is accepted from any: a second one replays. */
const ACCEPTED_FROM: Readonly<Record<OperationKind, readonly Status[]>> = {
  provision: [],
  restart: ["provisioning", "awaiting_agent", "online", "degraded", "offline", "failed"],
  pause: ["awaiting_agent", "online", "degraded", "offline", "failed"],
  hibernate: ["awaiting_agent", "online", "degraded", "offline", "failed"],
  resume: ["paused", "hibernated"],
  delete: [
    "provisioning",
    "awaiting_agent",
    "online",
    "degraded",
    "offline",
    "failed",
    "paused",
    "hibernated",
    "removed",
  ],
};

/** The status that a workspace has when an operation of this kind has succeeded. */
const STATUS_AFTER: Readonly<Record<OperationKind, Status>> = {
  provision: "online",
  restart: "online",
  resume: "online",
  pause: "paused",
  hibernate: "hibernated",
  delete: "removed",
};

/**
 * The status that counts when a request arrives: that after everything already accepted, so that a restart
 * queued behind a pause is refused when it is asked for and not when it runs.
 */
export function projectedStatus(status: Status, lastUnfinished: OperationKind | null): Status {
  return status === "removed" || lastUnfinished === null ? status : STATUS_AFTER[lastUnfinished];
}

/** True if an operation of this kind may be accepted for a workspace in this (projected) status. */
export function accepts(status: Status, kind: OperationKind): boolean {
  return ACCEPTED_FROM[kind].includes(status);
}

/** The statuses from which an operation of this kind would be accepted: for the answer to a refusal. */
export function acceptedFrom(kind: OperationKind): readonly Status[] {
  return ACCEPTED_FROM[kind];
}

/** Which of these, run one after another from a status, is the first that wouldn't be accepted; null if none. */
export function firstRefused(status: Status, kinds: readonly OperationKind[]): number | null {
  let now = status;
  for (const [index, kind] of kinds.entries()) {
    if (!accepts(now, kind)) return index;
    now = projectedStatus(now, kind);
  }
  return null;
}

/** True once nothing more happens to an operation in this state. */
export function isFinished(state: OperationState): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}
