import { expect, it } from "vitest";
import { fuzzTenants } from "./tenants.js";
import { fuzzStage } from "./stage.js";

/** `BERTH_TEST_FUZZ_REQUESTS` for more or fewer. */
const REQUESTS = Number(process.env["BERTH_TEST_FUZZ_REQUESTS"] ?? 20_000);
const SEED = Number(process.env["BERTH_TEST_FUZZ_SEED"] ?? 17);

const stage = fuzzStage();

it(
  `two tenants see nothing of each other, and change nothing, in ${REQUESTS} requests made from the API's description`,
  { timeout: 3_600_000 },
  async () => {
    const { breaches, accepted, refused } = await fuzzTenants(stage.api, stage.agent, REQUESTS, SEED);
    expect(breaches).toEqual({});
    // Neither is a fuzz that never gets in, nor one that may do all.
    expect(Math.min(accepted, refused)).toBeGreaterThan(REQUESTS / 20);
  },
);
