import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from "vitest";
import { readConfig } from "@berth/core/config/config";
import { openQueues, type Queues } from "@berth/core/queues/producer";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { startRedis } from "../support/redis.js";

const [MINE, OTHER] = [randomUUID(), randomUUID()];

let database: TestDatabase;
let copy: TestDatabase;
let pool: TestDatabase["pool"];
beforeAll(async () => {
  [database, copy] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  pool = database.pool;
});
afterAll(() => Promise.all([database.drop(), copy.drop()]));

async function queuesOn(redisUrl: string, prefix = "{lease}"): Promise<Queues> {
  const config = readConfig("worker", {
    DATABASE_URL: inject("postgres").url,
    REDIS_URL: redisUrl,
    BERTH_QUEUE_PREFIX: prefix,
    BERTH_SECRET: "test-secret-0123456789-0123456789-0123456789",
  });
  const queues = await openQueues(config, () => undefined);
  onTestFinished(() => queues.close());
  return queues;
}

test("an installation is refused a prefix of Redis under which another one works, with the cure", async () => {
  await using redis = await startRedis();
  const [mine, again, other, apart] = await Promise.all([
    queuesOn(redis.url),
    queuesOn(redis.url),
    queuesOn(redis.url),
    queuesOn(redis.url, "{apart}"),
  ]);
  await mine.lease({ id: MINE, pool }, () => undefined);
  await again.lease({ id: MINE, pool }, () => undefined);
  await expect(other.lease({ id: OTHER, pool }, () => undefined)).rejects.toMatchObject({
    name: "ConfigError",
    problems: [
      expect.stringMatching(
        new RegExp(`^BERTH_QUEUE_PREFIX: another installation \\(${MINE};.*under \\{lease\\}`),
      ),
    ],
  });
  await apart.lease({ id: OTHER, pool }, () => undefined);
});

test("a prefix is said to be taken again after Redis has lost all, and one that has ended keeps nobody out", async () => {
  await using redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const mine = await queuesOn(redis.url);
  await mine.lease({ id: MINE, pool }, () => undefined);
  await redis.flush();
  await vi.waitFor(async () => expect(await client.get("{lease}:installation")).toBe(MINE));
  const left = await client.pttl("{lease}:installation");
  expect(left).toBeGreaterThan(10_000);
  expect(left).toBeLessThanOrEqual(30_000);
});

test("one that finds another there later says so, once, for as long as it is there", async () => {
  await using redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const told: string[] = [];
  const mine = await queuesOn(redis.url);
  await mine.lease({ id: MINE, pool }, (sentence) => told.push(sentence));
  expect(mine.other).toBeNull();
  await client.set("{lease}:installation", OTHER);
  await vi.waitFor(() => expect(mine.other).toContain(OTHER));
  await client.del("{lease}:installation");
  await vi.waitFor(() => expect(mine.other).toBeNull());
  expect(told).toHaveLength(1);
});

test("a copy of the installation's database is refused its prefix, though it has the same id", async () => {
  await using redis = await startRedis();
  const [mine, again, second] = [
    await queuesOn(redis.url),
    await queuesOn(redis.url),
    await queuesOn(redis.url),
  ];
  await mine.lease({ id: MINE, pool }, () => undefined);
  await again.lease({ id: MINE, pool }, () => undefined);
  await expect(second.lease({ id: MINE, pool: copy.pool }, () => undefined)).rejects.toMatchObject({
    problems: [
      expect.stringMatching(/^BERTH_QUEUE_PREFIX: a copy of this installation's database .*wait 30 s$/),
    ],
  });
});
