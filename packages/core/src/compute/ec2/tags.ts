import type { Tag } from "@aws-sdk/client-ec2";
import type { InstanceRef, VolumeRef } from "../backend.js";

export const DEPLOYMENT = "berth:deployment";
export const WORKSPACE = "berth:workspace";
export const GENERATION = "berth:generation";
/** The ledger row. */
export const RESOURCE = "berth:resource";
/** `data`, or `root` for a disk that goes with its instance. */
export const ROLE = "berth:role";

export type Tags = ReadonlyMap<string, string>;

export function tagsOf(
  deploymentId: string,
  ref: InstanceRef | VolumeRef,
  more: Readonly<Record<string, string>>,
): Tag[] {
  const own = {
    Name: ref.name,
    [DEPLOYMENT]: deploymentId,
    [WORKSPACE]: ref.workspaceId,
    [RESOURCE]: ref.resourceId,
    ...("generation" in ref && { [GENERATION]: String(ref.generation) }),
  };
  return Object.entries({ ...more, ...own }).map(([Key, Value]) => ({ Key, Value }));
}

export function readTags(tags: readonly Tag[] | undefined): Tags {
  return new Map((tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
}

/**
 * Whose a thing is: ours, that of another deployment, or nobody's who says so. The last may be ours with its
 * tags stripped, so it counts neither as ours nor as gone (I4, I10).
 */
export function ownerOf(tags: Tags, deploymentId: string, workspaceId: string): "us" | "others" | "unclear" {
  const deployment = tags.get(DEPLOYMENT);
  if (deployment === undefined) return "unclear";
  if (deployment !== deploymentId) return "others";
  return tags.get(WORKSPACE) === workspaceId ? "us" : "unclear";
}

export function generationIn(tags: Tags): number | null {
  const text = tags.get(GENERATION) ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
