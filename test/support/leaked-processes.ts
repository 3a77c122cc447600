import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * Ends and names the processes that a run left behind: those that have its temporary directory in their
 * environment, their arguments or as working directory. Linux only; elsewhere it finds none.
 */
export function endLeakedProcesses(root: string): string[] {
  const leaks: string[] = [];
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    // The runner's own workers, which end after this.
    if (command.includes("vitest") && parentOf(pid) === process.pid) continue;
    const traces = [command, read(`/proc/${pid}/environ`), link(`/proc/${pid}/cwd`)];
    if (!traces.some((trace) => trace.includes(root))) continue;
    leaks.push(`process ${pid} was left running: ${command.slice(0, 200)}`);
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has just ended by itself.
    }
  }
  return leaks;
}

function parentOf(pid: string): number {
  return Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
}

const list = (path: string) => attempt(() => readdirSync(path), []);
const read = (path: string) => attempt(() => readFileSync(path, "latin1"), "");
const link = (path: string) => attempt(() => readlinkSync(path), "");

function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}
