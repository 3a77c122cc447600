import type { OwnedResource } from "../backend.js";
import type { Caller, Ec2 } from "./context.js";
import { listInstances, listVolumes } from "./listing.js";
import { contractState } from "./seen.js";
import { DEPLOYMENT, generationIn, ROLE, type Tags, WORKSPACE } from "./tags.js";

/** Terminated ones can be seen for about an hour and are no more. */
const UNENDED = ["pending", "running", "shutting-down", "stopping", "stopped"];

/** See `Backend.listOwned`: both listings with all their pages, or a rejection. @throws BackendError */
export async function listOwned({ aws, options }: Ec2, caller: Caller): Promise<OwnedResource[]> {
  const ours = { Name: `tag:${DEPLOYMENT}`, Values: [options.deploymentId] };
  const instances = await listInstances(aws, [ours, { Name: "instance-state-name", Values: UNENDED }], {
    what: "list instances",
    ...caller,
  });
  const volumes = await listVolumes(aws, [ours], { what: "list volumes", ...caller });
  return [
    ...instances.map(({ id, tags, launchedAt, state }): OwnedResource => ({
      kind: "instance",
      ...nameOf(id, tags),
      generation: generationIn(tags),
      createdAt: launchedAt,
      state: contractState(state),
    })),
    ...volumes
      // A root disk is a part of its instance, until it outlives it.
      .filter(({ tags, attachment }) => tags.get(ROLE) !== "root" || attachment === null)
      .map(({ id, tags, createdAt }): OwnedResource => ({
        kind: "volume",
        ...nameOf(id, tags),
        generation: null,
        createdAt,
        state: "stopped",
      })),
  ];
}

function nameOf(providerId: string, tags: Tags): Pick<OwnedResource, "providerId" | "name" | "workspaceId"> {
  return { providerId, name: tags.get("Name") ?? providerId, workspaceId: tags.get(WORKSPACE) ?? null };
}
