import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { readConfig } from "@berth/core/config/config";
import { migrate } from "@berth/core/db/migrate";
import { createPool, type Pool } from "@berth/core/db/pool";
import type { RequestContext } from "@berth/core/requests/accept";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { openQueues, type Queues } from "@berth/core/queues/producer";
import { BY_TEST, fleetEnvironment, newWorkspace } from "../support/fleet.js";
import {
  createTestDatabase,
  startPostgres,
  type TestDatabase,
  type TestPostgres,
} from "../support/postgres.js";
import { createRecordedBackend } from "../support/recorded-backend.js";
import { ended } from "../support/wait.js";
import { startWorkerProcess, type TestProcess } from "../support/worker-process.js";
import { expectNoBreach, expectOrder, expectSettled, expectTrueLedger, watchProvider } from "./audit.js";
import { settled } from "./settled.js";

/** How long PostgreSQL is away. */
const OUTAGE_MS = 10_000;

describe.each(["redis", "postgres"] as const)("a PostgreSQL that stops, with its queue on %s", (store) => {
  let server: TestPostgres;
  // The provider has a database of its own: it goes on when Berth's is away.
  let provider: TestDatabase;
  let pool: Pool;
  let queues: Queues;
  const processes: TestProcess[] = [];
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.kill()));
    await queues.close();
    await pool.end();
    await provider.drop();
    await server[Symbol.asyncDispose]();
  });

  it("while operations run costs none of them an attempt, a second instance or its place (I1, I2, I6)", async () => {
    server = await startPostgres({ durable: true });
    await migrate(server.url);
    pool = createPool(server.url, { name: "test" });
    provider = await createTestDatabase();
    await createRecordedBackend(provider.pool);
    await watchProvider(provider.pool);
    const env = fleetEnvironment(server.url, store === "redis" ? inject("redis").url : null, {
      BERTH_QUEUE_PREFIX: `{outage-${randomBytes(6).toString("hex")}}`,
    });
    queues = await openQueues(readConfig("worker", env), () => undefined);
    const context: RequestContext = { pool, dispatcher: queues.dispatcher, maxAttempts: 3 };
    const worker = () => startWorkerProcess(env, { url: provider.url, latencyMs: 150, fullLatency: true });
    processes.push(...(await Promise.all([worker(), worker()])));

    const online = await Promise.all(
      Array.from({ length: 30 }, () => createWorkspace(context, newWorkspace(), BY_TEST)),
    );
    await ended(
      pool,
      online.slice(0, 15).map((one) => one.operation.id),
    );
    const restarts = await Promise.all(
      online.map((one) => requestRestart(context, one.workspace.id, BY_TEST)),
    );
    await vi.waitUntil(
      async () =>
        (await provider.pool.query("select 1 from provider_calls where ended_at is null")).rowCount! >= 5,
      { interval: 5 },
    );
    await server.stop();
    await delay(OUTAGE_MS);
    await server.start();

    await settled(pool);
    for (const one of processes) expect(one.output(), "both workers live").not.toMatch(/rror/);
    const operations = await ended(
      pool,
      [...online, ...restarts].map((one) => one.operation.id),
    );
    for (const one of operations) expect(one).toMatchObject({ state: "succeeded", attempt: 1 });
    await expectSettled(pool, provider.pool);
    await expectNoBreach(provider.pool);
    await expectOrder(pool);
    await expectTrueLedger(pool, provider.pool);
    for (const one of processes) {
      one.term();
      expect(await one.exited, one.output()).toEqual({ code: 0, signal: null });
    }
  });
});
