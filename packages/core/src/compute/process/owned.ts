import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { InstanceState, OwnedResource } from "../backend.js";
import { providerIdOf, readClaim, VOID } from "./claim.js";
import { readMarker } from "./environment.js";
import { isRunning } from "./members.js";
import { readOwner } from "./owners.js";
import { codeOf, listRecords, listVolumes, type Places, unreachable } from "./places.js";
import type { ProcessTable } from "./process-table.js";

/** See `Backend.listOwned`. @throws BackendError */
export async function listOwned(places: Places, table: ProcessTable): Promise<OwnedResource[]> {
  return (await listAll(places, table)).filter(({ installation }) => !isOther(places, installation));
}

/** See `Backend.listLookalikes`: what another installation keeps in the same data directory. @throws BackendError */
export async function listLookalikes(places: Places, table: ProcessTable): Promise<OwnedResource[]> {
  return (await listAll(places, table)).filter(({ installation }) => isOther(places, installation));
}

function isOther({ owner }: Places, installation: string | null): boolean {
  return installation !== null && installation !== owner.installationId;
}

/**
 * All of this deployment. Processes that carry its marker and have no record are instances as well.
 * @throws BackendError
 */
async function listAll(places: Places, table: ProcessTable): Promise<OwnedResource[]> {
  const owned: OwnedResource[] = [];
  const all = await table.all();
  const byPid = new Map(all.map((entry) => [entry.pid, entry]));
  const recorded = new Set<string>();
  for (const { record, name, workspaceId, generation } of await listRecords(places)) {
    const createdAt = await timeOf(join(places.instances, record));
    // Removed while we look.
    if (createdAt === null) continue;
    const claim = await readClaim(places, record);
    const claimed = claim !== null && claim !== VOID;
    let state: InstanceState = "stopped";
    if (claim === null) state = "starting";
    else if (claimed && isRunning(claim, byPid)) state = "running";
    recorded.add(`${workspaceId}.${generation}`);
    const providerId = claimed ? providerIdOf(claim) : record;
    owned.push({
      kind: "instance",
      providerId,
      name,
      workspaceId,
      generation,
      installation: await readOwner(places, workspaceId),
      createdAt,
      state,
    });
  }
  for (const { name, workspaceId } of await listVolumes(places)) {
    const createdAt = await timeOf(join(places.volumes, name));
    if (createdAt !== null)
      owned.push({
        kind: "volume",
        providerId: name,
        name,
        workspaceId,
        generation: null,
        installation: await readOwner(places, workspaceId),
        createdAt,
        state: "stopped",
      });
  }
  for (const entry of all) {
    const marked = readMarker(entry.marker, places.mark);
    if (marked === null || recorded.has(`${marked.workspaceId}.${marked.generation}`)) continue;
    // Once an instance, by the process that leads it if that is left.
    recorded.add(`${marked.workspaceId}.${marked.generation}`);
    owned.push({
      kind: "instance",
      providerId: providerIdOf(entry),
      name: `ws-${marked.workspaceId}`,
      workspaceId: marked.workspaceId,
      generation: marked.generation,
      installation: marked.installation ?? (await readOwner(places, marked.workspaceId)),
      createdAt: (await timeOf(`/proc/${entry.pid}`)) ?? new Date(0),
      state: "running",
    });
  }
  return owned;
}

async function timeOf(path: string): Promise<Date | null> {
  try {
    const { birthtimeMs, ctimeMs } = await stat(path);
    return new Date(birthtimeMs > 0 ? birthtimeMs : ctimeMs);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw unreachable("list what is owned", error);
  }
}
