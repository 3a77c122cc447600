import type { Run as Recorded } from "../peer-worker.js";

type Run = Omit<Recorded, "recorded">;

/** When each piece of work was handed over, and when that was answered, in ms. */
export type Asked = ReadonlyMap<number, { key: string; from: number; until: number }>;

export interface Violations {
  /** Ran while another of its key did. */
  overlaps: number;
  /** Ran before one of its key that had been accepted before it was asked for. */
  overtaken: number;
  lost: number;
  doubled: number;
}

/** What a run has broken of what is promised. Plain BullMQ, which has no keys, breaks the first two. */
export function violationsOf(asked: Asked, runs: readonly Run[]): Violations {
  const byKey = new Map<string, Run[]>();
  for (const run of runs) byKey.set(run.key, [...(byKey.get(run.key) ?? []), run]);
  let overlaps = 0;
  let overtaken = 0;
  for (const list of byKey.values()) {
    const inOrder = list.toSorted((a, b) => a.start - b.start);
    let answered = Infinity;
    for (const run of inOrder.toReversed()) {
      // The earliest answer to any that ran after it.
      if (answered < asked.get(run.seq)!.from) overtaken++;
      answered = Math.min(answered, asked.get(run.seq)!.until);
    }
    for (const [n, run] of inOrder.entries()) if (n > 0 && run.start < inOrder[n - 1]!.done) overlaps++;
  }
  const distinct = new Set(runs.map(({ seq }) => seq)).size;
  return { overlaps, overtaken, lost: asked.size - distinct, doubled: runs.length - distinct };
}
