import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const exec = promisify(execFile);

/**
 * Ends the PostgreSQL that a killed Berth left running on this directory, and clears the way if its pid now
 * belongs to something else, which PostgreSQL can't tell from itself.
 */
export async function endLeftover(pgdata: string): Promise<void> {
  const lock = join(pgdata, "postmaster.pid");
  const [first] = (await readFile(lock, "utf8").catch(() => "")).split("\n");
  const pid = Number(first);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return;
  if (!(await commandOf(pid)).includes(pgdata)) return rm(lock, { force: true });
  // The file goes with the server; its pid may stay for a while, until somebody reaps it.
  await endPostgres(pid, () => existsSync(lock) && isAlive(pid));
}

/**
 * Fast shutdown; after 10 s an immediate one, from which the next start recovers by its log; after 5 s more
 * the end by force.
 */
export async function endPostgres(pid: number, alive: () => boolean): Promise<void> {
  for (const [signal, limitMs] of [
    ["SIGINT", 10_000],
    ["SIGQUIT", 5_000],
    ["SIGKILL", 5_000],
  ] as const) {
    if (!alive()) return;
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const limit = performance.now() + limitMs;
    while (alive() && performance.now() < limit) await sleep(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function commandOf(pid: number): Promise<string> {
  if (existsSync("/proc/self/cmdline")) return readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return exec("/bin/ps", ["-o", "command=", "-p", String(pid)]).then(
    (r) => r.stdout,
    () => "",
  );
}
