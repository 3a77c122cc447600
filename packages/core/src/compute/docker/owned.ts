import { BackendError, type CallOptions, type OwnedResource } from "../backend.js";
import { demand } from "./ask.js";
import type { DockerClient } from "./client.js";
import { listContainers } from "./find.js";
import { generationIn, ownedBy, WORKSPACE } from "./labels.js";

/** See `Backend.listOwned`. @throws BackendError */
export async function listOwned(client: DockerClient, options: CallOptions): Promise<OwnedResource[]> {
  const containers = await listContainers(client, options);
  const { Volumes: volumes, Warnings: warnings } = await demand(
    client,
    "list volumes",
    options,
    (abortSignal) => client.docker.listVolumes({ filters: ownedBy(client.deploymentId), abortSignal }),
  );
  // A volume driver that didn't answer is told of in a warning: this is a part of the list.
  if (volumes === undefined || warnings?.length > 0) {
    const reason = warnings?.join("; ").slice(0, 500) ?? "no list";
    throw new BackendError("backend_failed", "transient", `list volumes: ${reason}`);
  }
  return [
    ...containers.map(({ id, name, labels, createdAt, state }): OwnedResource => ({
      kind: "instance",
      providerId: id,
      name,
      workspaceId: labels[WORKSPACE] ?? null,
      generation: generationIn(labels),
      createdAt,
      state,
    })),
    ...(volumes ?? []).map((volume): OwnedResource => ({
      kind: "volume",
      providerId: volume.Name,
      name: volume.Name,
      workspaceId: volume.Labels[WORKSPACE] ?? null,
      generation: null,
      createdAt: new Date((volume as { CreatedAt?: string }).CreatedAt ?? 0),
      state: "stopped",
    })),
  ];
}
