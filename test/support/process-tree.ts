import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Ends every process that was started with `path` in its arguments, and its descendants: what a daemon
 * (containerd, the shims of containers) leaves when it is killed. Linux only.
 */
export async function endProcessesNaming(path: string): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const found = processesNaming(path);
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    await delay(20);
  }
  throw new Error(`processes of ${path} can't be ended: ${processesNaming(path).join(", ")}`);
}

/** Unmounts what is mounted at `root` and below, the deepest first. At once, so that it can be done at the exit. */
export function unmountAllUnder(root: string): void {
  const points = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => (line.split(" ")[1] ?? "").replaceAll("\\040", " "))
    .filter((point) => point === root || point.startsWith(`${root}/`));
  for (const point of points.toSorted((a, b) => b.length - a.length))
    execFileSync("umount", ["--lazy", point]);
}

function processesNaming(path: string): number[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => ({ pid: Number(pid), stat: read(`/proc/${pid}/stat`), args: read(`/proc/${pid}/cmdline`) }))
    .map(({ pid, stat, args }) => {
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return { pid, parent: Number(parent), dead: state === undefined || "ZX".includes(state), args };
    })
    .filter(({ dead }) => !dead);
  const found = new Set(all.filter(({ args }) => args.includes(path)).map(({ pid }) => pid));
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
