import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openRateLimits } from "@berth/core/base/rate-limits";
import { createWorkspace } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { startRedisPair, type RedisPair } from "../support/redis-pair.js";
import { ended } from "../support/wait.js";

/** What an operator is promised, in ms; it doesn't grow with the patience of the tests. */
const HEALED_MS = 10_000;

describe("a Redis whose primary becomes a replica while its connections live on", () => {
  let redis: RedisPair;
  let fleet: Fleet;
  beforeEach(async () => {
    redis = await startRedisPair();
    fleet = await startFleet({ redisUrl: redis.url });
  });
  afterEach(async () => {
    await fleet.close();
    await redis[Symbol.asyncDispose]();
  });

  const create = () => createWorkspace(fleet.context, newWorkspace(), BY_TEST);

  it("has what was accepted before, during and after carried out within 10 s, deletes and sweeps as well (I6)", async () => {
    fleet.startWorker();
    const before = await Promise.all([create(), create(), create()]);
    await ended(
      fleet.pool,
      before.map((one) => one.operation.id),
    );
    const [first, second] = before;
    const restarted = await requestRestart(fleet.context, first!.workspace.id, BY_TEST);
    await redis.swapRoles();
    // Its address still leads to the old one.
    const during = await Promise.all([create(), create()]);
    redis.follow();
    const switchedAt = performance.now();
    const after = await Promise.all([create(), create()]);
    const deleted = await removeWorkspace(fleet.context, second!.workspace.id, {
      cascade: false,
      ...BY_TEST,
    });
    const ids = [restarted.operation.id, ...[...during, ...after].map((one) => one.operation.id)];
    for (const one of await ended(fleet.pool, [...ids, deleted.operation!.id]))
      expect(one).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(performance.now() - switchedAt).toBeLessThan(HEALED_MS);
    await vi.waitFor(
      async () => {
        const { rows } = await fleet.pool.query<{ ago: number }>(
          "select extract(epoch from now() - max(started_at))::float8 as ago from sweep_runs where sweep = 'dispatch'",
        );
        expect(rows[0]!.ago * 1_000).toBeLessThan(performance.now() - switchedAt);
      },
      { timeout: HEALED_MS },
    );
  });

  it("doesn't count as up while it answers as a replica, and does within 10 s after that", async () => {
    await fleet.queues.ping();
    await redis.swapRoles();
    await expect(fleet.queues.ping()).rejects.toThrow(/READONLY|isn't writeable/);
    redis.follow();
    await vi.waitFor(() => fleet.queues.ping(), { timeout: HEALED_MS });
  });

  it("counts limits for all processes again", async () => {
    const { redisUrl, redisCa, queuePrefix } = fleet.config;
    const open = () => openRateLimits({ redisUrl, redisCa, queuePrefix }, () => undefined);
    const budget = { name: "test", quota: 1_000_000, windowS: 3_600 };
    const [one, other] = [open(), open()];
    const spend = async () => (await one.spend(budget, "key")).left;
    try {
      await redis.failOver();
      await spend();
      // Each counts by itself until both have found the new one: what one spends the other sees then.
      await vi.waitFor(
        async () => {
          const left = await spend();
          expect((await other.spend(budget, "key")).left).toBe(left - 1);
        },
        { timeout: HEALED_MS },
      );
    } finally {
      one.close();
      other.close();
    }
  });
});
