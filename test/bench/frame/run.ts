import { cpus, loadavg } from "node:os";
import { VERSIONS } from "../peers/install.js";
import type { Bed } from "./bed.js";
import type { Case, Result, Sample } from "./case.js";

type Round = Record<string, Sample | { failed: string }>;

/**
 * Runs each subject once a round, in turn and each first once, so that none is always the one after the same other. Another
 * round begins only if it will have ended within `minutes`, going by the longest so far.
 */
export async function runCase(
  { open, name, title, what, unit, better, subjects, reference, targets }: Case,
  bed: Bed,
  { rounds, minutes }: { rounds: number; minutes: number },
): Promise<Result> {
  const [begun, load] = [performance.now(), loadavg()[0]!];
  const seen: Round[] = [];
  let longest = 0;
  const opened = await open(bed);
  try {
    while (seen.length < rounds) {
      const from = performance.now();
      if (seen.length > 0 && from - begun + longest > minutes * 60_000) break;
      const round: Round = {};
      for (const [n] of subjects.entries()) {
        const subject = subjects[(n + seen.length) % subjects.length]!;
        round[subject] = await opened.run(subject).catch((error: unknown) => ({ failed: String(error) }));
        console.log(name, seen.length + 1, subject, JSON.stringify(round[subject]));
      }
      seen.push(round);
      longest = Math.max(longest, performance.now() - from);
    }
  } finally {
    await opened.close?.();
  }
  return {
    name,
    title,
    what,
    unit,
    better,
    subjects,
    reference,
    targets,
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? "?"}`,
    versions: { Node: process.versions.node, ...bed.versions, ...VERSIONS },
    load: Math.round(load * 10) / 10,
    rounds: seen,
  };
}

/** `count` pieces of work, so many at a time. */
export async function inLanes(
  lanes: number,
  count: number,
  work: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
}

/** In ms, of the machine's monotonic clock: the same for all processes. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

export function percentile(list: readonly number[], share: number): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export const median = (list: readonly number[]): number => percentile(list, 0.5);
