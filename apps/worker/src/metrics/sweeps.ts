import { figuresOf } from "@berth/core/metrics/figures";
import type { Counts } from "@berth/core/sweeps/run";
import type { Registry } from "prom-client";

export type MeasureSweep = (sweep: string, run: () => Promise<Counts | null>) => Promise<Counts | null>;

/** What sweeps do here. A run that wasn't this worker's turn counts for nothing. */
export function sweepFigures(registry: Registry): MeasureSweep {
  const { counter, histogram } = figuresOf(registry);
  const runs = counter(
    "berth_sweep_runs_total",
    "Runs of a sweep that ended here: ok or failed.",
    "sweep",
    "outcome",
  );
  const times = histogram("berth_sweep_run_duration_seconds", "How long runs of a sweep took.", "sweep");
  const lookedAt = counter("berth_sweep_looked_at_total", "Things that a sweep has looked at.", "sweep");
  const acts = counter("berth_sweep_acts_total", "Acts of a sweep: done or failed.", "sweep", "outcome");
  const held = counter("berth_sweep_held_total", "Acts that a breaker held back, in each run anew.", "sweep");
  return async (sweep, run) => {
    const begun = performance.now();
    const told = (outcome: string): void => {
      runs.inc({ sweep, outcome });
      times.observe({ sweep }, (performance.now() - begun) / 1_000);
    };
    try {
      const counts = await run();
      if (counts === null) return null;
      told("ok");
      const { looked_at = 0, would_act = 0, held: kept = 0, failed = 0, left = 0, dry_run } = counts;
      lookedAt.inc({ sweep }, looked_at);
      held.inc({ sweep }, kept);
      acts.inc({ sweep, outcome: "failed" }, failed);
      if (dry_run === undefined)
        acts.inc({ sweep, outcome: "done" }, Math.max(0, would_act - kept - failed - left));
      return counts;
    } catch (error) {
      told("failed");
      throw error;
    }
  };
}
