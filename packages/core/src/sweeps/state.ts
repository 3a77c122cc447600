import { listSweepStates, type SweepState } from "../db/sweeps.js";
import type { Queryable } from "../db/pool.js";
import { SWEEP_NAMES, type SweepName } from "../domain/sweep.js";

/** How a sweep fares. */
export type SweepLiveness = Omit<SweepState, "name"> & {
  name: SweepName;
  /** False until a worker of this deployment has said that it runs it. */
  registered: boolean;
  /** True if no run of it has ended for more than twice its interval, and none goes on. */
  silent: boolean;
};

const NEVER: Omit<SweepState, "name"> = {
  every_ms: null,
  running: false,
  paused: false,
  paused_by: null,
  held: null,
  approval: null,
  last_started_at: null,
  last_finished_at: null,
  last_success_at: null,
  last_duration_ms: null,
  last_counts: {},
  last_error: null,
  quiet_ms: 0,
};

/** Every sweep there is, with its last run. One that is paused isn't silent. */
export async function livenessOfSweeps(db: Queryable): Promise<SweepLiveness[]> {
  const states = new Map((await listSweepStates(db)).map((state) => [state.name, state]));
  return SWEEP_NAMES.map((name) => {
    const state = states.get(name);
    if (state === undefined) return { name, ...NEVER, registered: false, silent: false };
    const { every_ms: every, quiet_ms: quiet, running, paused } = state;
    return {
      ...state,
      name,
      registered: every !== null,
      silent: every !== null && !paused && !running && quiet > 2 * every,
    };
  });
}
