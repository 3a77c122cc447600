import { livenessOfSweeps } from "@berth/core/sweeps/state";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { startFleet } from "../support/fleet.js";

const HOUR_MS = 3_600_000;

it.each([
  ["Redis", () => inject("redis").url],
  ["PostgreSQL", () => null],
])(
  "a worker whose clock was an hour ahead for a while hasn't put the sweeps off by an hour, on %s (I7)",
  async (_, url) => {
    const fleet = await startFleet({ redisUrl: url(), env: { BERTH_SWEEP_DISPATCH_EVERY_MS: "200" } });
    onTestFinished(() => fleet.close());
    const runs = async () => {
      const { rows } = await fleet.pool.query<{ n: number }>(
        "select count(*)::int as n from sweep_runs where sweep = 'dispatch'",
      );
      return rows[0]!.n;
    };
    const runOn = async (timeout: number) => {
      const before = await runs();
      await expect.poll(runs, { timeout }).toBeGreaterThan(before + 2);
    };
    fleet.startWorker();
    await runOn(10_000);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + HOUR_MS });
    onTestFinished(() => void vi.useRealTimers());
    await runOn(10_000);
    vi.useRealTimers();
    await runOn(15_000);
    expect((await livenessOfSweeps(fleet.pool)).find(({ name }) => name === "dispatch")).toMatchObject({
      silent: false,
    });
  },
  60_000,
);
