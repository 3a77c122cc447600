import { readConfig } from "@berth/core/config/config";
import { createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { openQueues } from "@berth/core/queues/producer";
import { startApi } from "@berth/api/start";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { fleetEnvironment } from "../support/fleet.js";
import { KEY, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(inject("redis").url);
});
afterAll(() => api.close());

/** One more API on this database, with connections and a memory of its own. */
async function startAnother(databaseUrl: string) {
  const environment = { PORT: "0", HOST: "127.0.0.1", BERTH_ADMIN_KEY: KEY };
  const config = readConfig("api", fleetEnvironment(databaseUrl, inject("redis").url, environment));
  const logger = createLogger(config, "test");
  const pool = createPool(databaseUrl, { name: "another" });
  const queues = await openQueues(config, () => undefined);
  const running = await startApi({ config, pool, queues, logger });
  return {
    ask: (path: string, key: string) =>
      fetch(running.url + path, { headers: { authorization: `Bearer ${key}` } }),
    async close() {
      await running.close();
      await queues.close();
      await pool.end();
    },
  };
}

describe("two API processes", () => {
  it("refuse a key within 5 s of its revocation by the other, also while it is in use", async () => {
    const other = await startAnother(api.databaseUrl);
    try {
      const { body } = await api.call("POST", "/keys", { body: { name: "apart", scope: "viewer" } });
      expect((await other.ask("/workspaces", body.key)).status).toBe(200);
      const login = await other.ask("/now", body.key);
      expect(login.status).toBe(200);
      await api.call("DELETE", `/keys/${body.id}`);
      const revoked = performance.now();
      // Each use could keep it remembered.
      let lastServed = 0;
      const asked = async (): Promise<number> => {
        const after = performance.now() - revoked;
        const { status } = await other.ask("/workspaces", body.key);
        if (status === 200) lastServed = after;
        return status;
      };
      await expect.poll(asked, { interval: 100 }).toBe(401);
      // What is asked later than that is refused, however long the answer takes.
      expect(lastServed).toBeLessThan(5_000);
    } finally {
      await other.close();
    }
  });
});

describe("an API whose database is down", () => {
  it("answers a key that it can't look up with 503, a thing that is no key with 401, and lives", async () => {
    const { body } = await api.call("POST", "/keys", { body: { name: "kept", scope: "admin" } });
    const lost = await startAnother("postgres://berth@127.0.0.1:1/berth");
    try {
      for (const path of ["/workspaces", "/keys", "/now"]) {
        const answer = await lost.ask(path, body.key);
        expect(answer.status, path).toBe(503);
        expect(answer.headers.get("retry-after")).toBe("2");
        expect(await answer.json()).toMatchObject({ code: "database_unavailable", retryable: true });
      }
      expect((await lost.ask("/workspaces", "no-key-at-all")).status).toBe(401);
      expect((await lost.ask("/workspaces", KEY)).status).toBe(503);
      expect((await lost.ask("/docs/json", KEY)).status).toBe(200);
      expect((await lost.ask("/health", "")).status).toBe(200);
    } finally {
      await lost.close();
    }
  });
});
