import { randomInt } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStage, type Stage } from "../sweeps/stage.js";
import { simulate } from "./simulation.js";

/** `BERTH_TEST_SEED` repeats a run. */
const SEED = Number(process.env.BERTH_TEST_SEED ?? randomInt(2 ** 31));

/** Tests the sweeps in so many decisions of what goes wrong. */
export function testSoak(decisions: number): void {
  describe("the sweeps over a fleet where everything goes wrong", () => {
    let stage: Stage;
    beforeEach(async () => {
      stage = await openStage({ BERTH_RETRY_ATTEMPTS: "3" }, 50);
    });
    afterEach(() => stage.close());

    it(
      `reap and restart nothing that is alive and wanted, and heal all else, in ${decisions} decisions; seed ${SEED}`,
      async () => {
        const result = await simulate(stage, SEED, decisions);
        if (process.env.BERTH_TEST_VERBOSE || decisions > 50_000)
          console.log(`seed ${SEED}:`, { ...result, falseReaps: result.violations.length });
        expect(result.violations, "false reaps").toEqual([]);
        expect(result.left, "what didn't heal").toEqual([]);
        if (decisions < 5_000) return;
        // A run in which nothing went wrong would show nothing; a short one may not come to all.
        expect(result.outcomes["docker-orphans reaped"]).toBeGreaterThan(0);
        expect(result.mishaps["instance dies"]).toBeGreaterThan(0);
      },
      decisions * 60 + 600_000,
    );
  });
}
