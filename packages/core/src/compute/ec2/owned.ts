import type { OwnedResource } from "../backend.js";
import { looksOurs, workspaceIdIn } from "../request-check.js";
import type { Aws } from "./aws.js";
import type { Caller, Ec2 } from "./context.js";
import { listInstances, listVolumes } from "./listing.js";
import { contractState, type SeenInstance, type SeenVolume } from "./seen.js";
import { DEPLOYMENT, generationIn, INSTALLATION, ROLE, type Tags, whoseTags, WORKSPACE } from "./tags.js";

/** Terminated ones can be seen for about an hour and are no more. */
const UNENDED = ["pending", "running", "shutting-down", "stopping", "stopped"];

/** See `Backend.listOwned`: both listings with all their pages, or a rejection. @throws BackendError */
export async function listOwned({ aws, options }: Ec2, caller: Caller): Promise<OwnedResource[]> {
  const { instances, volumes } = await listBy(aws, `tag:${DEPLOYMENT}`, options.deploymentId, caller);
  const owned = ({ tags }: { tags: Tags }): boolean => whoseTags(options, tags) !== "another";
  return [
    ...instances.filter(owned).map(instanceOf),
    ...volumes.filter(owned).filter(standsAlone).map(volumeOf),
  ];
}

/** See `Backend.listLookalikes`. @throws BackendError */
export async function listLookalikes({ aws, options }: Ec2, caller: Caller): Promise<OwnedResource[]> {
  const { instances, volumes } = await listBy(aws, "tag:Name", "ws-*", caller);
  const alike = ({ tags }: { tags: Tags }): boolean =>
    ["nobody", "another"].includes(whoseTags(options, tags));
  return [
    ...instances.filter(alike).map(instanceOf),
    ...volumes.filter(alike).filter(standsAlone).map(volumeOf),
  ].filter(({ name }) => looksOurs(name));
}

/** A root disk is a part of its instance, until it outlives it. */
function standsAlone({ tags, attachment }: SeenVolume): boolean {
  return tags.get(ROLE) !== "root" || attachment === null;
}

async function listBy(aws: Aws, tag: string, value: string, caller: Caller) {
  const filter = { Name: tag, Values: [value] };
  const instances = await listInstances(aws, [filter, { Name: "instance-state-name", Values: UNENDED }], {
    what: "list instances",
    ...caller,
  });
  const volumes = await listVolumes(aws, [filter], { what: "list volumes", ...caller });
  return { instances, volumes };
}

function instanceOf({ id, tags, launchedAt, state }: SeenInstance): OwnedResource {
  return {
    kind: "instance",
    ...nameOf(id, tags),
    generation: generationIn(tags),
    createdAt: launchedAt,
    state: contractState(state),
  };
}

function volumeOf({ id, tags, createdAt }: SeenVolume): OwnedResource {
  return { kind: "volume", ...nameOf(id, tags), generation: null, createdAt, state: "stopped" };
}

function nameOf(
  providerId: string,
  tags: Tags,
): Pick<OwnedResource, "providerId" | "name" | "workspaceId" | "installation"> {
  const workspaceId = workspaceIdIn(tags.get(WORKSPACE));
  return {
    providerId,
    // The tag `Name` is people's to change, and calls go by the id.
    name: workspaceId === null ? (tags.get("Name") ?? providerId) : `ws-${workspaceId}`,
    workspaceId,
    installation: tags.get(INSTALLATION) ?? null,
  };
}
