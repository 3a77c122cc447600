import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { InstanceRef } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { codeOf, type Places, removedPlace, unreachable } from "./places.js";
import { startIn } from "./proc-table.js";
import { normalizeStart } from "./ps-table.js";

/**
 * Who a record belongs to. The file appears with its whole content by a hard link, which fails if it is
 * there: of any number of processes exactly one makes it, and it never changes. The instance makes its own
 * before it becomes the program, so there is no moment in which it runs and isn't recorded.
 */
export interface Claim {
  /** The ledger row. */
  resourceId: string;
  pid: number;
  /** As in `RunningProcess`. */
  start: string;
}

/** A stop has claimed the record of a launch that has got nowhere: no process will ever run for it. */
export const VOID = "void";

export function claimFile(places: Places, record: string): string {
  return join(places.instances, record, "claim");
}

/** Names one process of this machine for all time. */
export function providerIdOf({ pid, start }: Pick<Claim, "pid" | "start">): string {
  return `${pid}@${start}`;
}

/** True if `ref` means the process that made this claim, and not another one of its workspace. */
export function isMeant(ref: InstanceRef, claim: Claim): boolean {
  return (
    ref.providerId === null || ref.providerId === providerIdOf(claim) || ref.resourceId === claim.resourceId
  );
}

/** Null if nobody has claimed the record, or there is no such record. @throws BackendError */
export async function readClaim(places: Places, record: string): Promise<Claim | typeof VOID | null> {
  return await readClaimFile(claimFile(places, record));
}

async function readClaimFile(file: string): Promise<Claim | typeof VOID | null> {
  let text: string;
  try {
    text = await readFile(file, "latin1");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw unreachable("read a claim", error);
  }
  if (text.trim() === VOID) return VOID;
  const [, resourceId, pid, source, identity] = /^(\S+) (\d+) (proc|ps) (.+)\n$/.exec(text) ?? [];
  if (resourceId === undefined || identity === undefined)
    throw new BackendError("backend_failed", "permanent", `${file} isn't a claim`);
  const start =
    source === "ps"
      ? normalizeStart(identity)
      : startIn(identity.slice(identity.indexOf(" ") + 1), identity.slice(0, identity.indexOf(" ")));
  return { resourceId, pid: Number(pid), start };
}

/** Claims the record so that no process ever can. False if one already has, or there is no such record. */
export async function voidClaim(places: Places, record: string): Promise<boolean> {
  const file = claimFile(places, record);
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, `${VOID}\n`);
    await link(draft, file);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST" || code === "ENOENT") return false;
    throw unreachable("void a claim", error);
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Removes the record of an instance that is proven not to run. It vanishes at once and whole, so a launcher
 * that comes late finds no place for its claim. Between the proof and now another call may have done the
 * same and a launch of the same generation may have begun: then the record is put back.
 */
export async function removeRecord(
  places: Places,
  record: string,
  proven: Claim | typeof VOID,
): Promise<void> {
  const place = join(places.instances, record);
  const aside = removedPlace(places, randomUUID());
  try {
    await rename(place, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw unreachable("remove a record", error);
  }
  const taken = await readClaimFile(join(aside, "claim"));
  const same =
    taken === proven || (taken !== null && taken !== VOID && proven !== VOID && isSame(taken, proven));
  if (same) await rm(aside, { recursive: true, force: true });
  else await rename(aside, place);
}

function isSame(one: Claim, other: Claim): boolean {
  return one.pid === other.pid && one.start === other.start;
}
