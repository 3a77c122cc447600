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
