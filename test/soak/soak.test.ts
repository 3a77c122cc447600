import { randomInt } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStage, type Stage } from "../sweeps/stage.js";
import { simulate } from "./simulation.js";

/** `npm run soak` asks for the long run; `BERTH_TEST_SEED` repeats one. */
const DECISIONS = Number(process.env.BERTH_TEST_SOAK ?? 5_000);
const SEED = Number(process.env.BERTH_TEST_SEED ?? randomInt(2 ** 31));

describe("the sweeps over a fleet where everything goes wrong", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage({ BERTH_RETRY_ATTEMPTS: "3" }, 50);
  });
  afterEach(() => stage.close());

  it(
    `reap and restart nothing that is alive and wanted, and heal all else, in ${DECISIONS} decisions; seed ${SEED}`,
    async () => {
      const result = await simulate(stage, SEED, DECISIONS);
      if (process.env.BERTH_TEST_VERBOSE || DECISIONS > 50_000)
        console.log(`seed ${SEED}:`, { ...result, falseReaps: result.violations.length });
      expect(result.violations, "false reaps").toEqual([]);
      expect(result.left, "what didn't heal").toEqual([]);
      // A run in which nothing went wrong would show nothing.
      expect(result.outcomes["docker-orphans reaped"]).toBeGreaterThan(0);
      expect(result.mishaps["instance dies"]).toBeGreaterThan(0);
    },
    DECISIONS * 60 + 600_000,
  );
});
