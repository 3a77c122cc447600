/** What a user sees of a workspace. */
export const STATUSES = [
  "provisioning",
  "awaiting_agent",
  "online",
  "degraded",
  "offline",
  "failed",
  "paused",
  "hibernated",
  "removed",
] as const;
export type Status = (typeof STATUSES)[number];

/**
 * The one table of status changes. The trigger `workspaces_status_change` of the first migration repeats
 * it in SQL, and a test compares the two. A status may always be written over itself.
 */
export const NEXT_STATUSES: Readonly<Record<Status, readonly Status[]>> = {
  provisioning: ["awaiting_agent", "online", "offline", "failed", "removed"],
  awaiting_agent: ["provisioning", "online", "offline", "failed", "paused", "hibernated", "removed"],
  online: ["provisioning", "degraded", "offline", "failed", "paused", "hibernated", "removed"],
  degraded: ["provisioning", "online", "offline", "failed", "paused", "hibernated", "removed"],
  offline: ["provisioning", "online", "failed", "paused", "hibernated", "removed"],
  failed: ["provisioning", "paused", "hibernated", "removed"],
  paused: ["provisioning", "failed", "removed"],
  hibernated: ["provisioning", "failed", "removed"],
  removed: [],
};

/** True if a workspace may go from one status to the other. */
export function canBecome(from: Status, to: Status): boolean {
  return from === to || NEXT_STATUSES[from].includes(to);
}

/** Stopped by a request, with its volume kept. */
export const SUSPENDED: readonly Status[] = ["paused", "hibernated"];
/** Nothing of it runs, and only a request changes that. */
export const AT_REST: readonly Status[] = [...SUSPENDED, "removed"];
/** On its way to be online. */
export const STARTING: readonly Status[] = ["provisioning", "awaiting_agent"];
/** Its instance runs, and its agent, if it has one, was heard. */
export const UP: readonly Status[] = ["online", "degraded"];
/** Its agent has been heard in this generation, and should be again. */
export const HEARD: readonly Status[] = [...UP, "offline"];
/** It has an instance that should run: one that is dead is healed. */
export const SHOULD_RUN: readonly Status[] = ["awaiting_agent", ...HEARD];
