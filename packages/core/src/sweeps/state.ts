import { listSweepStates, type SweepState } from "../db/sweeps.js";
import type { Queryable } from "../db/pool.js";
import { SWEEP_NAMES, SWEEP_RULES, type SweepName } from "../domain/sweep.js";

/** How a sweep fares. */
export type SweepLiveness = Omit<SweepState, "name"> & {
  name: SweepName;
  /** False until a worker of this deployment has said that it runs it. */
  registered: boolean;
  /** True if no run of it has ended for more than twice its interval, and none goes on. */
  silent: boolean;
  /** Its runs in each place, for one that asks providers. */
  places: SweepInPlace[];
};

/** How a sweep fares in one place. */
export type SweepInPlace = Omit<SweepState, "name" | "every_ms" | "paused" | "paused_by"> & {
  place: string;
  /** As {@link SweepLiveness.silent}: nobody serves the place, or it doesn't answer. */
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

/**
 * Every sweep there is, with its last run. One that is paused isn't silent. Of one that runs for each place by itself,
 * figures are those of all, what is held that of all, and its last error the first; a place that nobody serves
 * makes it no more silent than others do.
 */
export async function livenessOfSweeps(db: Queryable): Promise<SweepLiveness[]> {
  const states = new Map((await listSweepStates(db)).map((state) => [state.name, state]));
  return SWEEP_NAMES.map((name) => {
    const state = states.get(name);
    if (state === undefined) return { name, ...NEVER, registered: false, silent: false, places: [] };
    const one = { ...state, name, registered: state.every_ms !== null, silent: isSilent(state), places: [] };
    if (!SWEEP_RULES[name].perPlace) return one;
    const places = [...states.values()].flatMap((row) => inPlace(name, row, state));
    return places.length === 0 ? one : together(one, places);
  });
}

function isSilent({ every_ms: every, quiet_ms: quiet, running, paused }: SweepState): boolean {
  return every !== null && !paused && !running && quiet > 2 * every;
}

function inPlace(name: SweepName, row: SweepState, { paused }: SweepState): SweepInPlace[] {
  if (!row.name.startsWith(`${name}@`)) return [];
  const { name: key, every_ms: _every, paused: _paused, paused_by: _by, ...rest } = row;
  return [{ ...rest, place: key.slice(name.length + 1), silent: isSilent({ ...row, paused }) }];
}

function together(one: SweepLiveness, places: SweepInPlace[]): SweepLiveness {
  const counts: Record<string, number> = {};
  for (const { last_counts } of places)
    for (const [key, n] of Object.entries(last_counts)) counts[key] = (counts[key] ?? 0) + n;
  const held = places.flatMap((place) => place.held ?? []);
  const approvals = places.flatMap((place) => place.approval ?? []);
  const failing = places.find(({ last_error }) => last_error !== null);
  const latest = places.reduce((a, b) => ((a.last_finished_at ?? 0) > (b.last_finished_at ?? 0) ? a : b));
  const { last_started_at, last_finished_at, last_success_at, last_duration_ms } = latest;
  return {
    ...one,
    last_started_at,
    last_finished_at,
    last_success_at,
    last_duration_ms,
    running: one.running || places.some(({ running }) => running),
    last_counts: counts,
    last_error: one.last_error ?? (failing === undefined ? null : `${failing.place}: ${failing.last_error}`),
    held:
      held.length === 0
        ? null
        : {
            at: held.map(({ at }) => at).toSorted()[0]!,
            looked_at: held.reduce((sum, { looked_at }) => sum + looked_at, 0),
            would_act: held.reduce((sum, { would_act }) => sum + would_act, 0),
            actions: held.flatMap(({ actions }) => actions),
          },
    approval:
      approvals[0] === undefined ? null : { ...approvals[0], keys: approvals.flatMap(({ keys }) => keys) },
    places,
  };
}
