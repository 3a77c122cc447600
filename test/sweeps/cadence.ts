import { readConfig } from "@berth/core/config/config";
import { SWEEP_NAMES, type SweepName } from "@berth/core/domain/sweep";
import { intervalsOf } from "@berth/core/sweeps/settings";
import type { Stage } from "./stage.js";

/** The intervals that Berth has unless it is told otherwise, in ms. */
export const DEFAULT_CADENCE: Readonly<Record<SweepName, number>> = intervalsOf(readConfig("standalone", {}));

/** Lets time pass in steps, and runs each sweep on its beat, at `at` ms after the first step began. */
export function cadence(stage: Stage, stepMs: number) {
  let at = 0;
  return {
    now: () => at,
    /** One step: time goes on, the sweeps that are due run, and what they asked for is carried out. */
    async step(before: () => Promise<void> = () => Promise.resolve()): Promise<void> {
      await stage.time.advance(stepMs);
      at += stepMs;
      await stage.listened();
      await before();
      for (const name of SWEEP_NAMES)
        if (at % DEFAULT_CADENCE[name] < stepMs) await stage.run(name).catch(() => undefined);
      await stage.settle();
    },
  };
}
