import type { VolumeInspectInfo } from "dockerode";
import type { CallOptions, VolumeRef } from "../backend.js";
import { BackendError, volumeMissing } from "../backend-error.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { isVolumeInUse, isVolumeThere } from "./engine.js";
import { insistOnOwnership, labelsOf } from "./labels.js";

/** See `Backend.createVolume`. The daemon's id of a volume is its name. @throws BackendError */
export async function createVolume(
  client: DockerClient,
  volume: VolumeRef,
  options: CallOptions,
): Promise<string> {
  if (volume.providerId !== null) {
    if ((await inspectVolume(client, volume, options)) === null) throw volumeMissing(volume, "404");
    return volume.name;
  }
  const what = `create volume ${volume.name}`;
  const made = await ask(client, what, { ...options, expects: [500] }, (abortSignal) =>
    client.docker.createVolume({
      Name: volume.name,
      Driver: "local",
      Labels: labelsOf(client, volume),
      abortSignal,
    }),
  );
  if (!made.ok && !isVolumeThere(made))
    throw new BackendError("backend_failed", "transient", `${what}: ${made.message}`, {
      providerCode: "500",
    });
  // Docker answers the same for a volume that was there, with whatever labels that has.
  await requireVolume(client, volume, options);
  return volume.name;
}

/** @throws BackendError if the volume isn't there, or isn't ours (`name_taken`). */
export async function requireVolume(
  client: DockerClient,
  volume: VolumeRef,
  options: CallOptions,
): Promise<void> {
  if ((await inspectVolume(client, volume, options)) !== null) return;
  if (volume.providerId !== null) throw volumeMissing(volume, "404");
  throw new BackendError("backend_failed", "transient", `volume ${volume.name} is not there`);
}

/** See `Backend.removeVolume`. @throws BackendError */
export async function removeVolume(
  client: DockerClient,
  volume: VolumeRef,
  options: CallOptions,
): Promise<"gone" | "in_use"> {
  if ((await inspectVolume(client, volume, options)) === null) return "gone";
  const removed = await ask(
    client,
    `remove volume ${volume.name}`,
    { ...options, expects: [404, 409], reply: "any" },
    // Never `force`: it takes 404 for success and helps against nothing else.
    (abortSignal) => client.docker.getVolume(volume.name).remove({ abortSignal }),
  );
  if (!removed.ok && removed.status === 409) {
    if (isVolumeInUse(removed)) return "in_use";
    throw new BackendError(
      "backend_failed",
      "transient",
      `remove volume ${volume.name}: ${removed.message}`,
      {
        providerCode: "409",
      },
    );
  }
  if ((await inspectVolume(client, volume, options)) === null) return "gone";
  throw new BackendError(
    "backend_failed",
    "transient",
    `volume ${volume.name} is still there after its removal`,
  );
}

/** Null if it isn't there. @throws BackendError `name_taken` if it isn't ours. */
async function inspectVolume(
  client: DockerClient,
  volume: VolumeRef,
  options: CallOptions,
): Promise<VolumeInspectInfo | null> {
  const found = await ask(
    client,
    `inspect volume ${volume.name}`,
    { ...options, expects: [404] },
    (abortSignal) => client.docker.getVolume(volume.name).inspect({ abortSignal }),
  );
  if (!found.ok) return null;
  insistOnOwnership("volume", volume.name, found.value.Labels, client, volume.workspaceId);
  return found.value;
}
