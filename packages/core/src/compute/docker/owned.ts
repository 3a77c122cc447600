import type { VolumeInspectInfo } from "dockerode";
import type { CallOptions, OwnedResource } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { looksOurs, workspaceIdIn } from "../request-check.js";
import { demand } from "./ask.js";
import type { DockerClient } from "./client.js";
import { type Filters, type FoundContainer, listBy, listContainers } from "./find.js";
import { generationIn, INSTALLATION, type Labels, ownedBy, whoseLabels, WORKSPACE } from "./labels.js";

/** See `Backend.listOwned`. @throws BackendError */
export async function listOwned(client: DockerClient, options: CallOptions): Promise<OwnedResource[]> {
  const containers = await listContainers(client, options);
  const volumes = await listVolumes(client, options, ownedBy(client.deploymentId));
  const owned = (labels: Labels | null): boolean => whoseLabels(client, labels) !== "another";
  return [
    ...containers.filter(({ labels }) => owned(labels)).map(instanceOf),
    ...volumes.filter((volume) => owned(labelsIn(volume))).map(volumeOf),
  ];
}

/** See `Backend.listLookalikes`. The daemon's filter matches parts of names, so each is looked at again. */
export async function listLookalikes(client: DockerClient, options: CallOptions): Promise<OwnedResource[]> {
  const filters = { name: ["ws-"] };
  const containers = await listBy(client, options, filters);
  const volumes = await listVolumes(client, options, filters);
  const alike = (labels: Labels | null): boolean =>
    ["nobody", "another"].includes(whoseLabels(client, labels));
  return [
    ...containers.filter(({ labels }) => alike(labels)).map(instanceOf),
    ...volumes.filter((volume) => alike(labelsIn(volume))).map(volumeOf),
  ].filter(({ name }) => looksOurs(name));
}

function instanceOf({ id, name, labels, createdAt, state }: FoundContainer): OwnedResource {
  return {
    kind: "instance",
    providerId: id,
    name,
    workspaceId: workspaceIdIn(labels[WORKSPACE]),
    generation: generationIn(labels),
    installation: labels[INSTALLATION] ?? null,
    createdAt,
    state,
  };
}

async function listVolumes(
  client: DockerClient,
  options: CallOptions,
  filters: Filters,
): Promise<VolumeInspectInfo[]> {
  const { Volumes: volumes, Warnings: warnings } = await demand(
    client,
    "list volumes",
    options,
    (abortSignal) => client.docker.listVolumes({ filters, abortSignal }),
  );
  // A volume driver that didn't answer is told of in a warning: this is a part of the list.
  if (volumes === undefined || warnings?.length > 0) {
    const reason = warnings?.join("; ").slice(0, 500) ?? "no list";
    throw new BackendError("backend_failed", "transient", `list volumes: ${reason}`);
  }
  return volumes ?? [];
}

/** Docker's types say that a volume always has labels; one without any has `null`. */
function labelsIn(volume: VolumeInspectInfo): Labels | null {
  return volume.Labels as Labels | null;
}

function volumeOf(volume: VolumeInspectInfo): OwnedResource {
  const labels = labelsIn(volume);
  return {
    kind: "volume",
    providerId: volume.Name,
    name: volume.Name,
    workspaceId: workspaceIdIn(labels?.[WORKSPACE]),
    generation: null,
    installation: labels?.[INSTALLATION] ?? null,
    createdAt: new Date((volume as { CreatedAt?: string }).CreatedAt ?? 0),
    state: "stopped",
  };
}
