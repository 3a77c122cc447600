import { expect, it } from "vitest";
import { fuzzTenants } from "./tenants.js";
import { fuzzStage } from "./stage.js";

const REQUESTS = 300;
const SEED = 17;

const stage = fuzzStage();

it(
  `two tenants see nothing of each other, and change nothing, in ${REQUESTS} requests made from the API's description`,
  { timeout: 120_000 },
  async () => {
    const { breaches, accepted, refused } = await fuzzTenants(stage.api, stage.agent, REQUESTS, SEED);
    expect(breaches).toEqual({});
    // Neither is a fuzz that never gets in, nor one that may do all.
    expect(Math.min(accepted, refused)).toBeGreaterThan(REQUESTS / 20);
  },
);
