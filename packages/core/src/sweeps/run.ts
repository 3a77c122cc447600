import { beginSweep, endSweep, trimSweepRuns } from "../db/sweeps.js";
import type { Sweep, SweepDeps } from "./sweep.js";

const RUNS_KEPT = 1_000;

/**
 * Runs a sweep once, unless another worker is at it.
 * @returns its counts, or null if it wasn't its turn. @throws what the sweep threw, after recording it.
 */
export async function runSweep(
  sweep: Sweep,
  deps: SweepDeps,
  owner: string,
): Promise<Record<string, number> | null> {
  const begun = await beginSweep(deps.pool, sweep.name, owner, sweep.runLimitMs);
  if (begun === null) return null;
  const run = { name: sweep.name, owner, runId: begun.runId };
  const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(sweep.runLimitMs)]);
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
