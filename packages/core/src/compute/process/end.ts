import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChildProcess } from "node:child_process";
import { type Ends, reasonOfExit, reasonOfSignal } from "../ends.js";
import type { InstanceRef } from "../backend.js";
import type { Claim } from "./claim.js";
import { codeOf, type Places, recordOf, unreachable } from "./places.js";

const END = /^(\d+) (.+)\n$/;

/**
 * Keeps in the record how a child ended, for the workers to come. Only its parent is told, so an instance that
 * outlives the worker which launched it ends without a reason.
 */
export function keepEnd(child: ChildProcess, places: Places, record: string): void {
  child.once("exit", (code, signal) => {
    const reason = signal === null ? reasonOfExit(code ?? 0) : reasonOfSignal(signal);
    try {
      // At once: the next probe is to find it. Nothing is made where the record is gone.
      writeFileSync(join(places.instances, record, "end"), `${child.pid} ${reason}\n`, { mode: 0o600 });
    } catch {
      // A stop has removed the record, or the disk is full: the reason is lost, and nothing else.
    }
  });
}

/** Remembers how the process of a claim ended, if that is known. @throws BackendError */
export async function noteEnd(places: Places, ends: Ends, ref: InstanceRef, claim: Claim): Promise<void> {
  if (ends.of(ref.resourceId) !== null) return;
  try {
    const text = await readFile(join(places.instances, recordOf(ref), "end"), "utf8");
    const [, pid, reason] = END.exec(text) ?? [];
    if (reason !== undefined && Number(pid) === claim.pid) ends.note(ref.resourceId, reason);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw unreachable("read how a process ended", error);
  }
}
