import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { batched } from "../../base/batch.js";
import { MARKER, type ProcessTable, type RunningProcess } from "./process-table.js";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const PER_TURN = 200;

/** Linux. Reads are synchronous: the kernel answers from memory, and faster than a thread pool would. */
export function procTable(): ProcessTable {
  const boot = readFileSync(BOOT_ID, "latin1").trim();
  return {
    async find(pids) {
      const found = pids.map((pid) => running(pid, boot)).filter((entry) => entry !== null);
      return new Map(found.map((entry) => [entry.pid, entry]));
    },
    all: inOneReading(() => readAll(boot)),
    async argumentsOf(pid) {
      return read(`/proc/${pid}/cmdline`);
    },
  };
}

/** Of calls that come while all is being read, one reading that begins after them serves all (I4). */
function inOneReading(readOnce: () => Promise<RunningProcess[]>): () => Promise<RunningProcess[]> {
  const readTogether = batched<null, RunningProcess[]>(
    Infinity,
    () => true,
    async (calls) => {
      const entries = await readOnce();
      return calls.map(() => entries);
    },
  );
  return () => readTogether(null);
}

async function readAll(boot: string): Promise<RunningProcess[]> {
  const entries: RunningProcess[] = [];
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  for (const [index, pid] of pids.entries()) {
    if (index % PER_TURN === PER_TURN - 1) await yieldToOthers();
    const entry = running(Number(pid), boot);
    if (entry !== null) entries.push({ ...entry, marker: markerOf(entry.pid) });
  }
  return entries;
}

/** `start` of a line of `/proc/<pid>/stat`, in which the name may hold blanks and parentheses. */
export function startIn(stat: string, boot: string): string {
  return `${boot}:${fieldsAfterName(stat)[19] ?? ""}`;
}

function running(pid: number, boot: string): RunningProcess | null {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const [state, , group] = fieldsAfterName(stat);
  // A process whose first thread has ended looks like a zombie while others of its threads go on.
  if (state === "X" || (state === "Z" && threads(pid) <= 1)) return null;
  return { pid, group: Number(group), start: startIn(stat, boot), marker: null };
}

function fieldsAfterName(stat: string): string[] {
  return stat
    .slice(stat.lastIndexOf(")") + 2)
    .trim()
    .split(" ");
}

function threads(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

function markerOf(pid: number): string | null {
  try {
    const environ = contentsOf(`/proc/${pid}/environ`);
    const entry = environ.split("\0").find((text) => text.startsWith(`${MARKER}=`));
    return entry?.slice(MARKER.length + 1) ?? null;
  } catch {
    // Another user's, which can't be one of ours, or one that has just ended.
    return null;
  }
}

const SCRATCH = Buffer.allocUnsafe(64 * 1024);

/** As `readFileSync` in a fifth of its time, which is what a look at all processes costs. */
function contentsOf(path: string): string {
  const file = openSync(path, "r");
  try {
    let text = "";
    for (;;) {
      const length = readSync(file, SCRATCH, 0, SCRATCH.length, null);
      if (length === 0) return text;
      text += SCRATCH.toString("latin1", 0, length);
    }
  } finally {
    closeSync(file);
  }
}

/** Null if there is no such process; any other failure is doubt, and thrown. */
function read(path: string): string | null {
  try {
    return contentsOf(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return null;
    throw error;
  }
}
