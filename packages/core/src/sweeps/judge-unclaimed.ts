import type { OwnedResource } from "../compute/backend.js";
import type { Break } from "../db/memory.js";
import type { Claim, SightingNow } from "../db/sightings.js";
import type { Workspace } from "../db/workspaces.js";
import { hasOther } from "./compare.js";
import type { SweepDeps } from "./sweep.js";

export type Known = Pick<Workspace, "status" | "generation">;

/** Why an unclaimed thing may go, or stays. */
export interface Why {
  text: string;
  /** Only reported: what it is can't be told for certain, or somebody's data might be lost. */
  kept: boolean;
}

/** A thing whose name looks like one of ours may be anybody's (I10). */
export const UNLABELLED: Why = {
  text: "it is named as things of a workspace are and has no label of Berth: it is left to you",
  kept: true,
};

/** A restored backup knows nothing of what was made since: that may be the only copy of somebody's data. */
const FORGOTTEN: Why = {
  text: "it was made while nobody looked after this database, which may be a restored backup: it is left to you",
  kept: true,
};

/** Whether an unclaimed thing may go, and why. */
export function whyOf(
  thing: OwnedResource,
  statuses: Map<string, Known>,
  claims: readonly Claim[],
  breaks: readonly Break[],
): Why {
  if (thing.workspaceId === null) return { text: "it doesn't say which workspace it is of", kept: true };
  if (thing.kind === "instance" && thing.generation === null)
    return { text: "it doesn't say of which generation it is", kept: true };
  if (breaks.some((one) => isIn(thing.createdAt, one))) return FORGOTTEN;
  const known = statuses.get(thing.workspaceId);
  if (known !== undefined && thing.kind === "instance" && (thing.generation ?? 0) > known.generation)
    return {
      text: "it is of a later generation than its workspace's row: its workspace may live on it",
      kept: true,
    };
  const status = known?.status;
  if (status === undefined) return { text: "its workspace has no row", kept: false };
  if (status === "removed")
    return { text: "its workspace is removed, and no row of the ledger claims it", kept: false };
  // Its name is made from the workspace's id: its next start takes it over, and its delete ends that.
  if (thing.kind === "dns_record")
    return { text: `its workspace is ${status}, whose name it is: its next start takes it over`, kept: true };
  if (thing.kind === "instance")
    return { text: `its workspace is ${status}, and no row of the ledger claims it`, kept: false };
  return hasOther(thing, claims)
    ? { text: `its workspace is ${status} and has another volume`, kept: false }
    : { text: `its workspace is ${status} and has no other volume: it may hold its data`, kept: true };
}

/** What doesn't tell its age may have been made at any time. */
function isIn(createdAt: Date | null, { from, to }: Break): boolean {
  return createdAt === null || (createdAt >= from && createdAt <= to);
}

/** True if it was seen often enough, for long enough, and nobody has released it. */
export function isRipe(
  thing: OwnedResource,
  sighting: SightingNow,
  graceMs: number,
  { settings }: SweepDeps,
): boolean {
  // What has no age of its own is as old as its first sighting.
  const seenForMs = Math.max(settings.secondSightingMs, thing.createdAt === null ? graceMs : 0);
  return (
    sighting.due &&
    sighting.released === null &&
    (thing.createdAt === null || sighting.created_at.getTime() === thing.createdAt.getTime()) &&
    sighting.first_seen_ms_ago >= seenForMs
  );
}
