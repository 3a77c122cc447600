import { STATUSES, SUSPENDED, type Status } from "./status.js";

export const OPERATION_KINDS = ["provision", "restart", "pause", "resume", "hibernate", "delete"] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** What may be asked for of a workspace that is there, or of many at once. */
export type BulkKind = Exclude<OperationKind, "provision">;
export const BULK_KINDS = OPERATION_KINDS.filter((kind): kind is BulkKind => kind !== "provision");

export const OPERATION_STATES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
/** `running` includes the backoff between two attempts: the operation keeps its place in its group (I2). */
export type OperationState = (typeof OPERATION_STATES)[number];

/** Who asked for an operation. */
export const SOURCES = ["api", "cascade", "reconciler", "liveness", "idle", "schedule"] as const;
export type Source = (typeof SOURCES)[number];

/** What differs between the kinds besides their steps, which are in `operations/plans.ts`. */
interface OperationRules {
  /** From which statuses it may be accepted. */
  from: readonly Status[];
  /** The status that it leads to; where an agent is waited for, `awaiting_agent` comes before `online`. */
  after: Extract<Status, "online" | "paused" | "hibernated" | "removed">;
  /** What a retry of one that failed or was cancelled asks for, by the status that its workspace has then. */
  retry(status: Status | undefined): BulkKind;
}

const RULES: Readonly<Record<OperationKind, OperationRules>> = {
  // What a launch left behind is stopped first: its retry is a restart.
  provision: { from: [], after: "online", retry: () => "restart" },
  restart: {
    from: ["provisioning", "awaiting_agent", "online", "degraded", "offline", "failed"],
    after: "online",
    retry: () => "restart",
  },
  pause: {
    from: ["awaiting_agent", "online", "degraded", "offline", "failed"],
    after: "paused",
    retry: () => "pause",
  },
  hibernate: {
    from: ["awaiting_agent", "online", "degraded", "offline", "failed"],
    after: "hibernated",
    retry: () => "hibernate",
  },
  resume: {
    from: SUSPENDED,
    after: "online",
    // One that had begun has left the workspace failed.
    retry: (status) => (status !== undefined && SUSPENDED.includes(status) ? "resume" : "restart"),
  },
  // From any: a second one replays.
  delete: { from: STATUSES, after: "removed", retry: () => "delete" },
};

/** True of what only ends things. It has slots of its own: no launch that hangs keeps it out (I15). */
export function isEnding(kind: OperationKind): boolean {
  return kind === "delete" || kind === "pause" || kind === "hibernate";
}

/** False of a kind that a newer Berth has accepted. */
export function isKnown(kind: string): kind is OperationKind {
  return Object.hasOwn(RULES, kind);
}

/** The status that an operation of this kind leads to; where an agent is waited for, `awaiting_agent` comes first. */
export function statusAfter(kind: OperationKind): OperationRules["after"] {
  return RULES[kind].after;
}

/** What a retry of one that failed or was cancelled asks for, by the status that its workspace has then. */
export function retryOf(kind: OperationKind, status: Status | undefined): BulkKind {
  return RULES[kind].retry(status);
}

/**
 * The status that counts when a request arrives: that after everything already accepted, so that a restart
 * queued behind a pause is refused when it is asked for and not when it runs.
 */
export function projectedStatus(status: Status, lastUnfinished: OperationKind | null): Status {
  return status === "removed" || lastUnfinished === null ? status : statusAfter(lastUnfinished);
}

/** True if an operation of this kind may be accepted for a workspace in this (projected) status. */
export function accepts(status: Status, kind: OperationKind): boolean {
  return RULES[kind].from.includes(status);
}

/** The statuses from which an operation of this kind would be accepted: for the answer to a refusal. */
export function acceptedFrom(kind: OperationKind): readonly Status[] {
  return RULES[kind].from;
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
