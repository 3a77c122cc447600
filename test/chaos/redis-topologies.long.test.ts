import { afterEach, describe, expect, it } from "vitest";
import { createWorkspace } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { openRateLimits } from "@berth/core/base/rate-limits";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { startRedisCluster } from "../support/redis-cluster.js";
import { startRedisSentinels } from "../support/redis-sentinel.js";
import { ended } from "../support/wait.js";

/** What an operator is promised after the new primary is known, in ms. */
const HEALED_MS = 10_000;
/** Where the old one says nothing at all, it takes as long as it may be silent. */
const HEALED_FROM_SILENCE_MS = 15_000;

let fleet: Fleet | null = null;
afterEach(async () => {
  await fleet?.close();
  fleet = null;
});

/** Creates three, restarts each ten times at once, and deletes them. */
async function workThrough({ pool, context }: Fleet, meanwhile: () => Promise<void> = async () => {}) {
  const created = await Promise.all([1, 2, 3].map(() => createWorkspace(context, newWorkspace(), BY_TEST)));
  await ended(
    pool,
    created.map((one) => one.operation.id),
  );
  const storm = Promise.all(
    created.flatMap(({ workspace }) =>
      Array.from({ length: 10 }, () => requestRestart(context, workspace.id, BY_TEST)),
    ),
  );
  await meanwhile();
  const from = performance.now();
  const removals = await Promise.all(
    created.map(({ workspace }) => removeWorkspace(context, workspace.id, { cascade: false, ...BY_TEST })),
  );
  const ids = (await storm).map((one) => one.operation.id);
  const deleted = await ended(
    pool,
    removals.map((one) => one.operation!.id),
  );
  for (const operation of deleted) expect(operation).toMatchObject({ state: "succeeded", attempt: 1 });
  for (const operation of await ended(pool, ids))
    expect(["succeeded", "cancelled"]).toContain(operation.state);
  return performance.now() - from;
}

describe("Sentinels of three", () => {
  it.each([
    ["asked to fail over", null],
    ["whose primary is killed", "SIGKILL"],
    ["whose primary freezes with its connections open", "SIGSTOP"],
  ] as const)("%s: all is carried out soon after there is a new primary (I6)", async (_, signal) => {
    await using redis = await startRedisSentinels();
    fleet = await startFleet({ redisUrl: redis.url });
    fleet.startWorker();
    const tookMs = await workThrough(fleet, () =>
      signal === null ? redis.failOver() : redis.losePrimary(signal),
    );
    expect(tookMs).toBeLessThan(signal === "SIGSTOP" ? HEALED_FROM_SILENCE_MS : HEALED_MS);
    await fleet.queues.ping();
    await fleet.close();
    fleet = null;
  });
});

describe("a Cluster of three", () => {
  it("carries creates, a storm of restarts and deletes; limits are counted in it (I6)", async () => {
    await using redis = await startRedisCluster();
    fleet = await startFleet({ redisUrl: redis.url });
    fleet.startWorker();
    await workThrough(fleet);
    await fleet.queues.ping();
    const { redisUrl, redisCa, queuePrefix } = fleet.config;
    const failures: unknown[] = [];
    const limits = openRateLimits({ redisUrl, redisCa, queuePrefix }, (error) => failures.push(error));
    const budget = { name: "test", quota: 1_000, windowS: 3_600 };
    try {
      await expect
        .poll(async () => {
          failures.length = 0;
          await limits.spend(budget, "key");
          return failures;
        })
        .toEqual([]);
    } finally {
      limits.close();
    }
    await fleet.close();
    fleet = null;
  });
});
