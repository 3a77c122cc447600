import type { InstanceRef } from "../backend.js";
import { type Claim, isMeant } from "./claim.js";
import { readMarker } from "./environment.js";
import type { RunningProcess } from "./process-table.js";

/** True if the very process that made the claim runs: a pid alone is used again (I10). */
export function isRunning(claim: Claim, found: ReadonlyMap<number, RunningProcess>): boolean {
  return found.get(claim.pid)?.start === claim.start;
}

/**
 * Those of `all` that belong to one instance: the claimant, its group, and whatever else carries its marker
 * because it left the group or has lost its record. Of a group only if one of it is proven ours now, or was
 * by an earlier call with the same `groups`: while any of it lives, its number can't be given to another.
 */
export function membersOf(
  all: readonly RunningProcess[],
  mark: string,
  ref: InstanceRef,
  claim: Claim | null,
  groups: Set<number>,
): RunningProcess[] {
  const proven = new Set(all.filter((entry) => isProven(entry, mark, ref, claim)));
  // Instances lead groups of their own; Berth's own group is never one.
  for (const { pid, group } of proven) if (pid === group) groups.add(group);
  return all.filter((entry) => proven.has(entry) || groups.has(entry.group));
}

function isProven(entry: RunningProcess, mark: string, ref: InstanceRef, claim: Claim | null): boolean {
  const { pid, start } = entry;
  if (pid === claim?.pid && start === claim.start) return true;
  const marked = readMarker(entry.marker, mark);
  return (
    marked !== null &&
    marked.workspaceId === ref.workspaceId &&
    marked.generation === ref.generation &&
    (marked.resourceId === claim?.resourceId || isMeant(ref, { resourceId: marked.resourceId, pid, start }))
  );
}
