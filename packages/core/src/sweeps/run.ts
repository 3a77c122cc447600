import { beginSweep, endSweep, trimSweepRuns } from "../db/sweeps.js";
import type { Sweep, SweepDeps } from "./sweep.js";

const RUNS_KEPT = 1_000;

/**
 * Runs a sweep once, unless another worker is at it. A run has `leaseMs` to end; then another may begin.
 * @returns its counts, or null if it wasn't its turn. @throws what the sweep threw, after recording it.
 */
export async function runSweep(
  sweep: Sweep,
  deps: SweepDeps,
  options: { owner: string; leaseMs: number },
): Promise<Record<string, number> | null> {
  const begun = await beginSweep(deps.pool, sweep.name, options.owner, options.leaseMs);
  if (begun === null) return null;
  const run = { name: sweep.name, owner: options.owner, runId: begun.runId };
  const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(options.leaseMs)]);
  try {
    const { counts, cursor } = await sweep.runOnce({ ...deps, signal }, begun.cursor);
    await endSweep(deps.pool, run, { counts, cursor, error: null });
    if (begun.runId % 100 === 0) await trimSweepRuns(deps.pool, sweep.name, RUNS_KEPT);
    return counts;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    await endSweep(deps.pool, run, { counts: {}, cursor: begun.cursor, error: message }).catch(
      () => undefined,
    );
    throw error;
  }
}
