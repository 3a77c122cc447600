import { Agent } from "node:http";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startTestApi, type TestApi } from "../api.js";
import { fuzz } from "./fuzz.js";

const REQUESTS = 10_000;

let api: TestApi;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
beforeAll(async () => {
  api = await startTestApi(inject("redis").url, { BERTH_BACKENDS: "process,external", LOG_LEVEL: "silent" });
});
afterAll(async () => {
  agent.destroy();
  await api.close();
});

describe("the API under fuzz", () => {
  it(
    `answers ${REQUESTS} requests made from its own description without a 5xx, a leak, or a change by what it refuses`,
    { timeout: 600_000 },
    async () => {
      const { faults, silent } = await fuzz(api, agent, REQUESTS);
      expect(faults).toEqual({});
      expect(silent, "routes that accepted nothing: the fuzz doesn't get in").toEqual([]);
    },
  );
});
