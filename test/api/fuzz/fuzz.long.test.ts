import { describe, expect, it } from "vitest";
import { fuzz } from "./fuzz.js";
import { fuzzStage } from "./stage.js";

const REQUESTS = 10_000;

const stage = fuzzStage();

describe("the API under fuzz", () => {
  it(
    `answers ${REQUESTS} requests made from its own description without a 5xx, a leak, or a change by what it refuses`,
    { timeout: 600_000 },
    async () => {
      const { faults, silent } = await fuzz(stage.api, stage.agent, REQUESTS);
      expect(faults).toEqual({});
      expect(silent, "routes that accepted nothing: the fuzz doesn't get in").toEqual([]);
    },
  );
});
