import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, fleetEnvironment, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { startRedis, type TestRedis } from "../support/redis.js";
import { ended } from "../support/wait.js";
import { startWorkerProcess, type ProcessProvider, type TestProcess } from "../support/worker-process.js";
import { expectNoBreach, expectOrder, expectSettled, expectTrueLedger, watchProvider } from "./audit.js";
import { settled } from "./settled.js";

/** How long Redis is away. */
const OUTAGE_MS = 20_000;

describe("a Redis that is lost", () => {
  let redis: TestRedis;
  let fleet: Fleet;
  const processes: TestProcess[] = [];
  beforeEach(async () => {
    redis = await startRedis();
    fleet = await startFleet({ redisUrl: redis.url });
    await watchProvider(fleet.pool);
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.kill()));
    await fleet.close();
    await redis[Symbol.asyncDispose]();
  });

  const startWorkers = async (n: number, provider: ProcessProvider = {}) => {
    const env = fleetEnvironment(fleet.database.url, redis.url);
    const workers = Array.from({ length: n }, () =>
      startWorkerProcess(env, { fullLatency: true, ...provider }),
    );
    processes.push(...(await Promise.all(workers)));
  };
  const create = () => createWorkspace(fleet.context, newWorkspace(), BY_TEST);
  const audit = async () => {
    await expectSettled(fleet.pool);
    await expectNoBreach(fleet.pool);
    await expectOrder(fleet.pool);
    await expectTrueLedger(fleet.pool);
  };

  it("by FLUSHALL with 500 operations queued and 20 running loses none of them, nor their order (I2, I6)", async () => {
    const workspaces: string[] = [];
    for (let n = 0; n < 260; n += 20) {
      const some = await Promise.all(Array.from({ length: 20 }, create));
      for (const { workspace } of some) await requestRestart(fleet.context, workspace.id, BY_TEST);
      workspaces.push(...some.map((one) => one.workspace.id));
    }
    await startWorkers(2, { latencyMs: 60 });
    const states = async () => {
      const { rows } = await fleet.pool.query<{ running: number; queued: number }>(
        `select count(*) filter (where state = 'running') as running, count(*) filter (where state = 'queued') as queued
         from operations`,
      );
      return rows[0]!;
    };
    const atLoss = await vi.waitUntil(
      async () => {
        const now = await states();
        return now.running >= 20 && now;
      },
      { interval: 10 },
    );
    await redis.flush();
    expect(atLoss.queued).toBeGreaterThan(400);

    await settled(fleet.pool);
    await audit();
    const { rows } = await fleet.pool.query(
      "select kind, state, attempt, count(*) as n from operations group by 1, 2, 3 order by 1",
    );
    expect(rows).toEqual([
      { kind: "provision", state: "succeeded", attempt: 1, n: 260 },
      { kind: "restart", state: "succeeded", attempt: 1, n: 260 },
    ]);
  }, 150_000);

  it("by an outage refuses and delays no request, spends no attempt, and all is done after it (I6)", async () => {
    await startWorkers(2, { latencyMs: 200 });
    const online = await Promise.all(Array.from({ length: 6 }, create));
    await ended(
      fleet.pool,
      online.map((one) => one.operation.id),
    );
    // Some are in the middle of a call when it goes.
    const running = await Promise.all(
      online.slice(0, 3).map((one) => requestRestart(fleet.context, one.workspace.id, BY_TEST)),
    );
    await vi.waitUntil(
      async () =>
        (await fleet.pool.query("select 1 from provider_calls where ended_at is null")).rowCount ===
        running.length,
      { interval: 10 },
    );
    await redis.stop();
    let isBack = false;
    const back = delay(OUTAGE_MS).then(() => {
      isBack = true;
      return redis.start();
    });

    const accepted = [...running];
    for (const { workspace } of online)
      accepted.push(await requestRestart(fleet.context, workspace.id, BY_TEST));
    accepted.push(...(await Promise.all(Array.from({ length: 4 }, create))));
    expect(isBack, "Redis was back before all were accepted").toBe(false);

    await back;
    const operations = await ended(
      fleet.pool,
      accepted.map((one) => one.operation.id),
    );
    for (const one of operations) expect(one).toMatchObject({ state: "succeeded", attempt: 1 });
    await audit();
  }, 150_000);

  it("doesn't keep a worker from ending within its grace time, its work handed back", async () => {
    await startWorkers(1, { latencyMs: 600_000 });
    const { operation } = await create();
    await vi.waitUntil(async () => (await fleet.pool.query("select 1 from provider_calls")).rowCount, {
      interval: 10,
    });
    await redis.stop();
    const [worker] = processes;
    worker!.term();
    expect(await worker!.exited, worker!.output()).toEqual({ code: 0, signal: null });
    const { rows } = await fleet.pool.query(
      "select o.attempt, o.state, g.owner from operations o join gates g using (workspace_id) where o.id = $1",
      [operation.id],
    );
    expect(rows).toEqual([{ attempt: 0, state: "running", owner: null }]);
  });
});
