import { chmod, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeRef } from "../backend.js";
import { BackendError, volumeMissing } from "../backend-error.js";
import { readMarker } from "./environment.js";
import { giveUpOwnership, insistOnOwnership, takeOwnership } from "./owners.js";
import { codeOf, listRecords, listVolumes, type Places, unreachable } from "./places.js";
import type { ProcessTable } from "./process-table.js";
import { giveVolume, type ProcessUser } from "./user.js";

/** See `Backend.createVolume`. @throws BackendError */
export async function createVolume(
  places: Places,
  volume: VolumeRef,
  user: ProcessUser | undefined,
): Promise<string> {
  const path = join(places.volumes, volume.name);
  if (volume.providerId !== null) {
    await insistOnOwnership(places, volume.workspaceId);
    if (!(await listVolumes(places)).some(({ name }) => name === volume.name)) throw volumeMissing(volume);
    return volume.name;
  }
  await takeOwnership(places, volume.workspaceId);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw unreachable("make a volume", error);
    if (!(await stat(path)).isDirectory())
      throw new BackendError("name_taken", "permanent", `${volume.name} exists and is no directory`);
  }
  if (user !== undefined) await giveVolume(places, volume.name, user);
  return volume.name;
}

/**
 * See `Backend.removeVolume`. A record holds the volume as well as a process does, whatever its state: its
 * instance isn't proven stopped (I8).
 * @throws BackendError
 */
export async function removeVolume(
  places: Places,
  table: ProcessTable,
  { workspaceId, name }: VolumeRef,
): Promise<"gone" | "in_use"> {
  const path = join(places.volumes, name);
  await insistOnOwnership(places, workspaceId);
  if ((await listRecords(places)).some((record) => record.workspaceId === workspaceId)) return "in_use";
  const all = await table.all();
  const held = all.some(({ marker }) => readMarker(marker, places.mark)?.workspaceId === workspaceId);
  if (held) return "in_use";
  try {
    await rm(path, { recursive: true, force: true }).catch(async (error: unknown) => {
      if (codeOf(error) !== "EACCES" && codeOf(error) !== "EPERM") throw error;
      await openDirectories(path);
      await rm(path, { recursive: true, force: true });
    });
  } catch (error) {
    throw new BackendError("backend_failed", "transient", `${name} can't be removed: ${codeOf(error)}`, {
      providerCode: codeOf(error) ?? null,
    });
  }
  // `rm` says nothing where the whole directory of volumes is out of reach.
  if ((await readdir(places.volumes).catch(() => null)) === null)
    throw unreachable("remove a volume", new Error("the data directory isn't there"));
  await giveUpOwnership(places, workspaceId);
  return "gone";
}

/** Programs make directories that nobody may write to (Go's module cache does), which root alone can empty. */
async function openDirectories(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await openDirectories(join(path, entry.name));
}
