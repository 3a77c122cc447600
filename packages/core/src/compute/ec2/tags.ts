import type { Tag } from "@aws-sdk/client-ec2";
import { type Owner, type Whose, whoseIs } from "../../domain/owner.js";
import type { InstanceRef, VolumeRef } from "../backend.js";

export const DEPLOYMENT = "berth:deployment";
export const INSTALLATION = "berth:installation";
export const WORKSPACE = "berth:workspace";
export const GENERATION = "berth:generation";
/** The ledger row. */
export const RESOURCE = "berth:resource";
/** `data`, or `root` for a disk that goes with its instance. */
export const ROLE = "berth:role";

export type Tags = ReadonlyMap<string, string>;

export function tagsOf(
  owner: Owner,
  ref: InstanceRef | VolumeRef,
  more: Readonly<Record<string, string>>,
): Tag[] {
  const own = {
    Name: ref.name,
    [DEPLOYMENT]: owner.deploymentId,
    [INSTALLATION]: owner.installationId,
    [WORKSPACE]: ref.workspaceId,
    [RESOURCE]: ref.resourceId,
    ...("generation" in ref && { [GENERATION]: String(ref.generation) }),
  };
  return Object.entries({ ...more, ...own }).map(([Key, Value]) => ({ Key, Value }));
}

export function readTags(tags: readonly Tag[] | undefined): Tags {
  return new Map((tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
}

export function whoseTags(owner: Owner, tags: Tags): Whose {
  return whoseIs(owner, tags.get(DEPLOYMENT), tags.get(INSTALLATION));
}

/**
 * Whose a thing is: ours, that of another deployment, or nobody's who says so. The last may be ours with its
 * tags stripped, and another installation's may be what our ledger means, if that is a copy: neither counts as ours
 * or as gone (I4, I10).
 */
export function ownerOf(
  tags: Tags,
  owner: Owner,
  workspaceId: string,
): "us" | "others" | "another" | "unclear" {
  const whose = whoseTags(owner, tags);
  if (whose === "others" || whose === "another") return whose;
  return whose !== "nobody" && tags.get(WORKSPACE) === workspaceId ? "us" : "unclear";
}

export function generationIn(tags: Tags): number | null {
  const text = tags.get(GENERATION) ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
