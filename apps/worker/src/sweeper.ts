import type { Pool } from "@berth/core/db/pool";
import { noteMemory } from "@berth/core/db/memory";
import { registerSweeps, sinceLastRun } from "@berth/core/db/sweeps";
import { withDeadline } from "@berth/core/base/deadline";
import { SWEEPS_QUEUE } from "@berth/core/queues/names";
import type { Queues } from "@berth/core/queues/producer";
import type { QueueConfig } from "@berth/core/queues/store";
import { openWorker } from "@berth/core/queues/worker";
import { SWEEPS } from "@berth/core/sweeps/all";
import { dryRun, runSweep } from "@berth/core/sweeps/run";
import type { SweepDeps } from "@berth/core/sweeps/sweep";
import type { SweepName } from "@berth/core/domain/sweep";
import type { Logger } from "@berth/core/base/logger";

export interface SweeperOptions {
  config: QueueConfig;
  pool: Pool;
  queues: Queues;
  deps: Omit<SweepDeps, "signal">;
  owner: string;
  /** Interval of each sweep in ms. */
  everyMs: Readonly<Record<SweepName, number>>;
  logger: Logger;
}

/** How often each worker looks whether the schedulers still run: Redis may have lost them. In ms. */
const REASSERT_EVERY_MS = 5_000;

/** Runs the sweeps on their schedulers, one run of each at a time over all workers. */
export function startSweeper(options: SweeperOptions): { close(limitMs: number): Promise<void> } {
  const { config, pool, queues, owner, everyMs, logger } = options;
  const stop = new AbortController();
  const look = async (): Promise<void> => {
    const left = await noteMemory(pool);
    if (left !== null)
      logger.warn(
        { since: left },
        "nobody has looked after this database for a while: what was made since and isn't known is only reported",
      );
  };
  const { close } = openWorker<Record<string, never>>(
    config,
    SWEEPS_QUEUE,
    async (job) => {
      // A dry run is asked for under a name of its own: a worker that doesn't know it does nothing at all.
      const [, dry] = /^dry-run (.+)$/.exec(job.name) ?? [];
      const sweep = SWEEPS.find((one) => one.name === (dry ?? job.name));
      if (sweep === undefined) return null;
      // Before any sweep acts on what it doesn't know.
      await look();
      const deps = { ...options.deps, signal: stop.signal };
      if (dry === undefined) return runSweep(sweep, deps, owner, everyMs[sweep.name]);
      return withDeadline(sweep.runLimitMs, [stop.signal], (signal) => dryRun(sweep, { ...deps, signal }));
    },
    {
      concurrency: SWEEPS.length,
      maxStalledCount: 1_000_000,
      onError: (error) => logger.debug({ err: error }, "sweep worker"),
    },
  );

  let asserted = false;
  const assertSchedulers = async (): Promise<void> => {
    if (!asserted)
      await registerSweeps(
        pool,
        SWEEPS.map(({ name }) => ({
          name,
          everyMs: options.deps.settings.paused.includes(name) ? null : everyMs[name],
        })),
      );
    const since = await sinceLastRun(pool);
    const scheduled = new Set((await queues.sweeps.getJobSchedulers()).map(({ key }) => key));
    for (const { name } of SWEEPS) {
      const every = everyMs[name];
      // One that is there and runs on time is left alone: an upsert starts its interval afresh.
      const onTime = scheduled.has(name) && (since.get(name) ?? Infinity) < 2 * every;
      if (asserted && onTime) continue;
      // Its next run was set by the clock of whichever worker ran the last one. Where that was ahead, it is far off, and
      // an upsert alone would leave it there.
      if (!onTime && scheduled.has(name)) await queues.sweeps.removeJobScheduler(name);
      await queues.sweeps.upsertJobScheduler(
        name,
        { every },
        { name, opts: { removeOnComplete: 100, removeOnFail: 100 } },
      );
    }
    asserted = true;
  };
  const reassert = (): void => {
    look().catch((error: unknown) => logger.debug({ err: error }, "not noted yet"));
    assertSchedulers().catch((error: unknown) => logger.debug({ err: error }, "sweeps not scheduled yet"));
  };
  reassert();
  const timer = setInterval(reassert, REASSERT_EVERY_MS);

  return {
    async close(limitMs) {
      clearInterval(timer);
      stop.abort(new Error("the worker is ending"));
      await close(limitMs);
    },
  };
}
