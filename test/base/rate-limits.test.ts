import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, inject, it } from "vitest";
import { openRateLimits, type Budget, type RateLimits } from "@berth/core/base/rate-limits";
import { startRedis } from "../support/redis.js";

const opened: RateLimits[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

let prefixes = 0;
const open = (redisUrl: string | null, queuePrefix = `{limits-${process.pid}-${prefixes++}}`) => {
  const limits = openRateLimits({ redisUrl, redisCa: null, queuePrefix }, () => undefined);
  opened.push(limits);
  return { limits, queuePrefix };
};
const budget = (quota: number): Budget => ({ name: "test", quota, windowS: 3_600 });
const spendAll = async (limits: RateLimits, one: Budget, times: number) => {
  for (let time = 0; time < times; time++) await limits.spend(one, "key");
};
/** Until its first connection stands it counts by itself. */
const connected = async (limits: RateLimits, other: RateLimits, quota = 1_000_000) => {
  const probe = { name: "probe", quota, windowS: 3_600 };
  await expect
    .poll(async () => {
      const { left } = await limits.spend(probe, "probe");
      return left - (await other.spend(probe, "probe")).left;
    })
    .toBe(1);
};

describe("a budget", () => {
  it("is spent by all processes together where there is a Redis, by each key for itself", async () => {
    const first = open(inject("redis").url);
    const second = open(inject("redis").url, first.queuePrefix);
    await connected(first.limits, second.limits);
    const ten = budget(10);
    await spendAll(first.limits, ten, 6);
    expect(await second.limits.spend(ten, "key")).toMatchObject({ over: false, left: 3 });
    await spendAll(first.limits, ten, 3);
    for (const { limits } of [first, second])
      expect(await limits.spend(ten, "key")).toMatchObject({ over: true, left: 0 });
    const { over, left, resetS } = await second.limits.spend(ten, "another");
    expect({ over, left }).toEqual({ over: false, left: 9 });
    expect(resetS).toBeGreaterThan(3_500);
  });

  it("is each process's own without a Redis, and whole again after its window", async () => {
    const { limits } = open(null);
    const one: Budget = { name: "test", quota: 1, windowS: 1 };
    expect(await limits.spend(one, "key")).toMatchObject({ over: false, left: 0 });
    expect(await limits.spend(one, "key")).toMatchObject({ over: true, resetS: 1 });
    await expect.poll(async () => (await limits.spend(one, "key")).over).toBe(false);
  });

  it("is kept by each process while Redis is down, and together again afterwards", async () => {
    await using redis = await startRedis();
    const first = open(redis.url);
    const second = open(redis.url, first.queuePrefix);
    await connected(first.limits, second.limits);
    await redis.stop();
    const two = budget(2);
    await spendAll(first.limits, two, 2);
    expect((await first.limits.spend(two, "key")).over).toBe(true);
    expect(await second.limits.spend(two, "key")).toMatchObject({ over: false, left: 1 });
    await redis.start();
    await connected(first.limits, second.limits);
  });

  it("doesn't wait for a Redis that says nothing: once a quarter of a second, then not at all", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => {
      sockets.push(socket);
      // As far as "ready" and no further.
      socket.once("data", () => socket.write("+OK\r\n+OK\r\n+OK\r\n$0\r\n\r\n"));
      socket.on("error", () => undefined);
    });
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const { port } = silent.address() as { port: number };
    const { limits } = open(`redis://127.0.0.1:${port}`);
    await expect.poll(() => sockets.length).toBeGreaterThan(0);
    const began = performance.now();
    const hundred = budget(100);
    for (let time = 0; time < 100; time++)
      expect((await limits.spend(hundred, "key")).over, `${time}`).toBe(false);
    expect((await limits.spend(hundred, "key")).over).toBe(true);
    // A hundred quarters of a second are 25 s.
    expect(performance.now() - began).toBeLessThan(15_000);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});
