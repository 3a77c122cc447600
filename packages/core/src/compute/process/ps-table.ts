import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ProcessTable, RunningProcess } from "./process-table.js";

const exec = promisify(execFile);
const COLUMNS = "pid=,pgid=,stat=,lstart=";
const LINE = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S.*?)\s*$/;

/** For systems without `/proc`, such as macOS. */
export function psTable(): ProcessTable {
  return {
    async find(pids) {
      if (pids.length === 0) return new Map();
      const entries = parse(await ps("-o", COLUMNS, "-p", pids.join(",")));
      return new Map(entries.map((entry) => [entry.pid, entry]));
    },
    all: async () => parse(await ps("-A", "-o", COLUMNS)),
    async argumentsOf(pid) {
      const text = await ps("-ww", "-o", "args=", "-p", String(pid));
      return text === "" ? null : text;
    },
  };
}

/** `ps -o lstart=` pads days: the same second gives the same text. */
export function normalizeStart(lstart: string): string {
  return lstart.trim().split(/\s+/).join("-");
}

async function ps(...args: string[]): Promise<string> {
  // The start is text: in one language and one time zone, whoever asks.
  const env = { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" };
  try {
    return (await exec("ps", args, { env, maxBuffer: 16 * 2 ** 20 })).stdout;
  } catch (error) {
    const { code, stdout } = error as { code?: unknown; stdout?: string };
    // Its way of saying that there is none of those.
    if (code === 1 && stdout?.trim() === "") return "";
    throw error;
  }
}

function parse(text: string): RunningProcess[] {
  return text.split("\n").flatMap((line) => {
    const [, pid, group, state, lstart] = LINE.exec(line) ?? [];
    if (pid === undefined || lstart === undefined || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), group: Number(group), start: normalizeStart(lstart), marker: null }];
  });
}
