import type { CallOptions, InstanceRef } from "../backend.js";
import { BackendError } from "../backend-error.js";
import type { Ends } from "../ends.js";
import { poll } from "../poll.js";
import { type Claim, isMeant, readClaim, removeRecord, VOID, voidClaim } from "./claim.js";
import { noteEnd } from "./end.js";
import { membersOf } from "./members.js";
import { codeOf, listRecords, type Places, recordOf } from "./places.js";
import type { ProcessTable, RunningProcess } from "./process-table.js";

const PACE = { firstMs: 5, longestMs: 200 };
/** A process that the kernel is busy with ends late even after SIGKILL. */
const KILL_TIMEOUT_MS = 5_000;

/** See `Backend.stop`. @throws BackendError */
export async function stopProcess(
  places: Places,
  table: ProcessTable,
  ends: Ends,
  ref: InstanceRef,
  graceMs: number,
  { signal }: CallOptions,
): Promise<"gone" | "stopping"> {
  const record = recordOf(ref);
  const claim = await claimToStop(places, ref, record);
  // What ends by this call is no finding.
  if (claim !== null && claim !== VOID) await noteEnd(places, ends, ref, claim);
  const groups = new Set<number>();
  let known: RunningProcess[] = [];
  // Those that were found before are asked for by their numbers. Only when none of them is left is all looked through again.
  const members = async () => {
    const now = await table.find(known.map(({ pid }) => pid));
    known = known.filter(({ pid, start }) => now.get(pid)?.start === start);
    if (known.length === 0)
      known = membersOf(await table.all(), places.mark, ref, claim === VOID ? null : claim, groups);
    return known;
  };
  for (const [name, timeoutMs] of [
    ["SIGTERM", graceMs],
    ["SIGKILL", KILL_TIMEOUT_MS],
  ] as const) {
    if (await endWith(name, timeoutMs, members, groups, signal)) {
      if (claim !== null) await removeRecord(places, record, claim);
      return "gone";
    }
  }
  return "stopping";
}

/**
 * Null if there is no record that `ref` means. One that nobody has claimed is claimed here, so that a
 * launcher still on its way gives up.
 */
async function claimToStop(
  places: Places,
  ref: InstanceRef,
  record: string,
): Promise<Claim | typeof VOID | null> {
  if (!(await listRecords(places)).some((entry) => entry.record === record)) return null;
  const claim = (await voidClaim(places, record)) ? VOID : await readClaim(places, record);
  return claim === null || claim === VOID || isMeant(ref, claim) ? claim : null;
}

/** True once no process is left. Sends `name` to whatever is there, also to those that come later. */
async function endWith(
  name: NodeJS.Signals,
  timeoutMs: number,
  members: () => Promise<RunningProcess[]>,
  groups: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<boolean> {
  const told = new Set<string>();
  const toldGroups = new Set<number>();
  const ended = await poll({ limitMs: timeoutMs, ...PACE, signal }, async () => {
    const left = await members();
    if (left.length === 0) return true;
    // Each once: some programs take a second SIGTERM for a reason to leave their work undone.
    const news = left.filter(({ pid, start }) => !told.has(`${pid}@${start}`));
    for (const { pid, start } of news) told.add(`${pid}@${start}`);
    const before = new Set(toldGroups);
    for (const { pid, group } of news) {
      if (!groups.has(group) || before.has(group)) send(pid, name);
      else if (!toldGroups.has(group)) {
        toldGroups.add(group);
        send(-group, name);
      }
    }
    return null;
  });
  return ended !== null;
}

function send(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name);
  } catch (error) {
    // It has just ended; the next look tells.
    if (codeOf(error) !== "ESRCH")
      throw new BackendError("backend_failed", "transient", `${name} to ${target}: ${codeOf(error)}`, {
        providerCode: codeOf(error) ?? null,
      });
  }
}
