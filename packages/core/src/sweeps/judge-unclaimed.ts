import type { OwnedResource } from "../compute/backend.js";
import type { Break } from "../db/memory.js";
import type { Claim, KnownWorkspace, SightingNow } from "../db/sightings.js";
import type { Workspace } from "../db/workspaces.js";
import { hasOther } from "./compare.js";
import type { SweepDeps } from "./sweep.js";

export type Known = Pick<Workspace, "status" | "generation">;

/** Why an unclaimed thing may go, or stays. */
export interface Why {
  text: string;
  /** Nothing but the absence of a row speaks for its end, and it may be somebody's only copy: not before days. */
  held: boolean;
  /** Only reported: what it is can't be told for certain, or somebody's data might be lost. */
  kept: boolean;
}

/** A thing with a name like ours may be anybody's, and another installation's is its own (I10). */
export function ofOthers({ installation }: OwnedResource): Why {
  return kept(
    installation === null
      ? "it is named as things of a workspace are and has no label of Berth: it is left to you"
      : `it is of another installation, ${installation}, which has the same deployment's name: it is left to that`,
  );
}

function kept(text: string): Why {
  return { text, kept: true, held: false };
}

function ends(text: string): Why {
  return { text, kept: false, held: false };
}

/** A restored backup knows nothing of what was made since: that may be the only copy of somebody's data. */
const FORGOTTEN = kept(
  "it was made while nobody looked after this database, which may be a restored backup: it is left to you",
);

/** Versions without installations' ids have labelled them alike, whichever database they worked on (I10). */
const UNSIGNED = kept(
  "it names no installation, as earlier versions of Berth made things, and this database has never known it: it is " +
    "left to you",
);

export interface Knowledge {
  statuses: Map<string, Known>;
  known: Map<string, KnownWorkspace>;
  claims: readonly Claim[];
  breaks: readonly Break[];
}

/** Whether an unclaimed thing may go, and why. */
export function whyOf(thing: OwnedResource, { statuses, known, claims, breaks }: Knowledge): Why {
  if (thing.workspaceId === null) return kept("it doesn't say which workspace it is of");
  if (thing.kind !== "dns_record" && thing.name !== `ws-${thing.workspaceId}`)
    return kept(
      `it has Berth's labels and isn't named as Berth names things (${thing.name}), so Berth hasn't made it: it is left to you`,
    );
  if (thing.kind === "instance" && thing.generation === null)
    return kept("it doesn't say of which generation it is");
  const told = known.get(thing.workspaceId);
  if (thing.installation === null && told === undefined) return UNSIGNED;
  if (breaks.some((one) => isIn(thing.createdAt, one))) return FORGOTTEN;
  const row = statuses.get(thing.workspaceId);
  if (row !== undefined && thing.kind === "instance" && (thing.generation ?? 0) > row.generation)
    return kept("it is of a later generation than its workspace's row: its workspace may live on it");
  const status = row?.status;
  if (status === undefined)
    return {
      text: "its workspace isn't known",
      kept: false,
      held: thing.kind === "volume" && told?.volume_given_up !== true,
    };
  if (status === "removed") return ends("its workspace is removed, and no row of the ledger claims it");
  // Its name is made from the workspace's id: its next start takes it over, and its delete ends that.
  if (thing.kind === "dns_record")
    return kept(`its workspace is ${status}, whose name it is: its next start takes it over`);
  if (thing.kind === "instance")
    return ends(`its workspace is ${status}, and no row of the ledger claims it`);
  return hasOther(thing, claims)
    ? ends(`its workspace is ${status} and has another volume`)
    : kept(`its workspace is ${status} and has no other volume: it may hold its data`);
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

/** True if it is to be held for days from its first sighting on. */
export function isHeld(why: Why, { settings }: SweepDeps): boolean {
  return why.held && settings.volumeGraceMs > 0;
}
