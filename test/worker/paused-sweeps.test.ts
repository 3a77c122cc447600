import { livenessOfSweeps } from "@berth/core/sweeps/state";
import { registerSweeps } from "@berth/core/db/sweeps";
import type { SweepName } from "@berth/core/domain/sweep";
import { expect, inject, it, onTestFinished } from "vitest";
import { startFleet } from "../support/fleet.js";

it("a sweep that a worker's settings pause isn't missed, so that the API stays ready, until one runs it again", async () => {
  const fleet = await startFleet({
    redisUrl: inject("redis").url,
    env: { BERTH_SWEEPS_PAUSED: "instance-state", BERTH_SWEEP_LIVENESS_EVERY_MS: "100" },
  });
  onTestFinished(() => fleet.close());
  const of = async (name: SweepName) => (await livenessOfSweeps(fleet.pool)).find((one) => one.name === name);
  await registerSweeps(fleet.pool, [{ name: "instance-state", everyMs: 1 }]);
  await fleet.pool.query("update sweeps set registered_at = clock_timestamp() - interval '1 hour'");
  expect(await of("instance-state"), "as a restored backup has it").toMatchObject({ silent: true });

  const worker = fleet.startWorker();
  await expect.poll(() => of("liveness")).toMatchObject({ registered: true });
  expect(await of("instance-state")).toMatchObject({ registered: false, silent: false });
  await worker.close();

  fleet.startWorker({ config: { ...fleet.config, sweepsPaused: null } });
  await expect.poll(() => of("instance-state")).toMatchObject({ registered: true });
});
