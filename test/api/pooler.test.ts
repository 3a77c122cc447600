import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createLogger } from "@berth/core/base/logger";
import { createPool, transaction, type Pool } from "@berth/core/db/pool";
import { tellFinished } from "@berth/core/db/words";
import { openSignals, type Signals } from "@berth/api/live/signals";
import { createWaiting, type Waiting } from "@berth/api/live/waiting";
import { startPgBouncer, type PgBouncer } from "../support/pgbouncer.js";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
let pooler: PgBouncer;
beforeAll(async () => {
  api = await startTestApi(null);
  pooler = await startPgBouncer(api.databaseUrl);
}, 60_000);
afterAll(async () => {
  await pooler[Symbol.asyncDispose]();
  await api.close();
});

/** A process whose statements go through PgBouncer, and which listens at `url`. Its looks alone come too late for a test. */
const processAt = async (
  url: string,
  work: (it: { pool: Pool; signals: Signals; waiting: Waiting }) => Promise<void>,
): Promise<void> => {
  const logger = createLogger({ logLevel: "silent" }, "test");
  const pool = createPool(pooler.url, { name: "pooled" });
  const signals = openSignals({ url, pool, logger });
  const waiting = createWaiting({ pool, signals, logger, recheckMs: 600_000 });
  try {
    await work({ pool, signals, waiting });
  } finally {
    waiting.close();
    await signals.close();
    await pool.end();
  }
};
const WAIT = { timeoutMs: 30_000, signal: new AbortController().signal };
const end = (pool: Pool, id: string) =>
  transaction(pool, async (tx) => {
    await tx.query("update operations set state = 'succeeded', finished_at = now() where id = $1", [id]);
    tellFinished(tx, [id]);
  });

describe("a process behind PgBouncer in transaction mode", () => {
  it("finds itself deaf, and what waits is answered all the same, what it did itself at once", async () => {
    await processAt(pooler.url, async ({ pool, signals, waiting }) => {
      await vi.waitFor(() => expect(signals.deaf).toBe(true), { timeout: 10_000 });
      const [others, own] = [(await api.create()).operation.id, (await api.create()).operation.id];
      const both = [waiting.wait([others], WAIT), waiting.wait([own], WAIT)];
      await end(api.pool, others);
      await end(pool, own);
      expect(await Promise.all(both)).toEqual([true, true]);
    });
  });

  it("hears what another tells if it listens at a direct address", async () => {
    await processAt(api.databaseUrl, async ({ signals, waiting }) => {
      const listening = () =>
        api.pool.query(
          `select 1 from pg_stat_activity
           where datname = current_database() and application_name = 'berth-listen' and query like 'listen%'`,
        );
      await vi.waitFor(async () => expect((await listening()).rowCount).toBe(2), { timeout: 10_000 });
      const { id } = (await api.create()).operation;
      const waiter = waiting.wait([id], WAIT);
      await end(api.pool, id);
      expect(await waiter).toBe(true);
      expect(signals.deaf).toBe(false);
    });
  });
});
