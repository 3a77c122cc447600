import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU in these, whatever its own clock. */
const TICKS_PER_SECOND = 100;

interface Times {
  parent: number;
  own: number;
  /** Of its children that have ended. */
  ended: number;
}

function timesOf(pid: number): Times | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ms = (at: number) => (Number(fields[at]) * 1_000) / TICKS_PER_SECOND;
    return { parent: Number(fields[1]), own: ms(11) + ms(12), ended: ms(13) + ms(14) };
  } catch {
    return null;
  }
}

/** The CPU that a process has used so far, in ms. */
export function cpuOf(pid: number): number {
  return timesOf(pid)?.own ?? 0;
}

/** {@link cpuOf} with that of its children, as PostgreSQL has one for each connection. */
export function cpuOfTree(pid: number): number {
  const own = timesOf(pid);
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return children.reduce(
    (sum, child) => {
      const times = timesOf(Number(child));
      return times?.parent === pid ? sum + times.own + times.ended : sum;
    },
    (own?.own ?? 0) + (own?.ended ?? 0),
  );
}

export function parentOf(pid: number): number {
  return timesOf(pid)?.parent ?? 0;
}
