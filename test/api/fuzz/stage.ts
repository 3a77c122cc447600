import { Agent } from "node:http";
import { afterAll, beforeAll, inject } from "vitest";
import { startTestApi, type TestApi } from "../api.js";

/** An API that a file's tests fuzz over one connection, from its first test to its last. */
export function fuzzStage(): { readonly api: TestApi; readonly agent: Agent } {
  let api: TestApi;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  beforeAll(async () => {
    const env = { BERTH_BACKENDS: "process,external", LOG_LEVEL: "silent" };
    api = await startTestApi(inject("redis").url, env);
  });
  afterAll(async () => {
    agent.destroy();
    await api.close();
  });
  return {
    agent,
    get api() {
      return api;
    },
  };
}
