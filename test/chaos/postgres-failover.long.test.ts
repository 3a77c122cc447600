import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { checkPostgres } from "@berth/core/db/check-postgres";
import { migrate } from "@berth/core/db/migrate";
import { createPool } from "@berth/core/db/pool";
import { startFleet, type Fleet } from "../support/fleet.js";
import { startTestApi, type TestApi } from "../api/api.js";
import type { TestDatabase } from "../support/postgres.js";
import { startPostgresPair, type PostgresPair } from "../support/postgres-standby.js";
import { ended } from "../support/wait.js";

/** How long PostgreSQL has no primary at least, in ms. */
const OUTAGE_MS = 1_500;

const databaseAt = (url: string): TestDatabase => {
  const pool = createPool(url, { name: "test" });
  return { url, pool, drop: () => pool.end() };
};

describe.each(["redis", "postgres"] as const)(
  "a primary that dies before its standby takes over, queues on %s",
  (store) => {
    let pair: PostgresPair;
    let api: TestApi;
    let fleet: Fleet;
    beforeAll(async () => {
      pair = await startPostgresPair();
      await migrate(pair.url);
      const redisUrl = store === "redis" ? inject("redis").url : null;
      const env = { BERTH_QUEUE_PREFIX: `{failover-${pair.primary.port}}` };
      fleet = await startFleet({ redisUrl, database: databaseAt(pair.url), env });
      api = await startTestApi(redisUrl, env, databaseAt(pair.url));
      fleet.startWorker();
    });
    afterAll(async () => {
      await fleet.close();
      await api.close();
      await pair[Symbol.asyncDispose]();
    });

    it("costs no attempt and no accepted operation; meanwhile requests get 503 with Retry-After, never 500 (I6, I14)", async () => {
      const create = () =>
        api.call("POST", "/workspaces", {
          body: { name: "w", backend: "process", spec: { command: ["true"], readiness: "running" } },
        });
      const accepted = (await Promise.all(Array.from({ length: 10 }, create))).map(
        ({ body }) => body.operation.id,
      );
      const needs = { databaseListenUrl: null, redisUrl: "redis://r", connections: 1 };
      expect((await checkPostgres({ databaseUrl: pair.standby.url, ...needs })).lacks).toEqual([
        expect.stringMatching(/ is a standby: name the primary, or all hosts as in postgres:/),
      ]);
      await pair.primary.stop();
      const down = performance.now();
      const refused = [];
      while (performance.now() - down < OUTAGE_MS) refused.push(await create());
      expect(refused.length).toBeGreaterThan(0);
      for (const { status, headers, body } of refused) {
        expect(status, JSON.stringify(body)).toBe(503);
        expect(body.code).toBe("database_unavailable");
        expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      }
      await pair.promote();
      for (let answer = await create(); ; answer = await create()) {
        accepted.push(...(answer.status === 202 ? [answer.body.operation.id] : []));
        if (answer.status === 202) break;
        expect(answer.status, JSON.stringify(answer.body)).toBe(503);
      }
      for (const operation of await ended(fleet.pool, accepted))
        expect(operation).toMatchObject({ state: "succeeded", attempt: 1 });
    });
  },
);
