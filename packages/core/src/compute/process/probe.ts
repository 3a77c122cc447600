import type { InstanceRef, InstanceState } from "../backend.js";
import type { Ends } from "../ends.js";
import { type Claim, isMeant, readClaim, VOID } from "./claim.js";
import { noteEnd } from "./end.js";
import { boundLog } from "./log.js";
import { isRunning, membersOf } from "./members.js";
import { isAnothers } from "./owners.js";
import { listRecords, type Places, recordOf } from "./places.js";
import type { ProcessTable } from "./process-table.js";

/** See `Backend.probe`; rejects on doubt. A record that no process has claimed is `starting`. */
export async function probeProcesses(
  places: Places,
  table: ProcessTable,
  ends: Ends,
  instances: readonly InstanceRef[],
): Promise<Map<string, InstanceState>> {
  const claims = await claimsOf(places, instances);
  const made = [...claims.values()].filter((claim) => claim !== null && claim !== VOID);
  const found = await table.find(made.map(({ pid }) => pid));
  // Its files may be lost while it runs: only the system's own word makes an instance gone (I4).
  const all = instances.every((ref) => claims.has(ref)) ? [] : await table.all();
  const states = new Map<string, InstanceState>();
  for (const ref of instances) {
    // Another installation's says nothing of ours (I5, I10).
    if (await isAnothers(places, ref.workspaceId)) {
      states.set(ref.resourceId, "unknown");
      continue;
    }
    const claim = claims.get(ref);
    let state: InstanceState = "stopped";
    if (claim === undefined)
      state = membersOf(all, places.mark, ref, null, new Set()).length > 0 ? "running" : "gone";
    else if (claim === null) state = "starting";
    else if (claim !== VOID && isRunning(claim, found)) state = "running";
    states.set(ref.resourceId, state);
    if (state === "stopped" && claim && claim !== VOID) await noteEnd(places, ends, ref, claim);
    if (state === "running" && claim !== undefined) await boundLog(places, recordOf(ref));
  }
  return states;
}

/** Of those instances that have a record; null for one that nobody has claimed yet. */
async function claimsOf(
  places: Places,
  instances: readonly InstanceRef[],
): Promise<Map<InstanceRef, Claim | typeof VOID | null>> {
  const records = new Set((await listRecords(places)).map(({ record }) => record));
  const claims = new Map<InstanceRef, Claim | typeof VOID | null>();
  for (const ref of instances.filter((instance) => records.has(recordOf(instance)))) {
    const claim = await readClaim(places, recordOf(ref));
    if (claim === null || claim === VOID || isMeant(ref, claim)) claims.set(ref, claim);
  }
  return claims;
}
