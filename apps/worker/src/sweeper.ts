import type { WorkerConfig } from "@berth/core/config/config";
import type { Pool } from "@berth/core/db/pool";
import { noteMemory } from "@berth/core/db/memory";
import { registerSweeps, sinceLastRun } from "@berth/core/db/sweeps";
import { withDeadline } from "@berth/core/base/deadline";
import { SWEEPS_QUEUE, sweepsQueue } from "@berth/core/queues/names";
import type { Queues } from "@berth/core/queues/producer";
import type { QueueConfig } from "@berth/core/queues/store";
import { openWorker } from "@berth/core/queues/worker";
import { SWEEPS } from "@berth/core/sweeps/all";
import { fanOut } from "@berth/core/sweeps/fan-out";
import { dryRun, runSweep } from "@berth/core/sweeps/run";
import type { SweepDeps } from "@berth/core/sweeps/sweep";
import type { SweepName } from "@berth/core/domain/sweep";
import type { MeasureSweep } from "./metrics/sweeps.js";
import type { Logger } from "@berth/core/base/logger";

export interface SweeperOptions {
  config: QueueConfig & Pick<WorkerConfig, "lockMs" | "stalledEveryMs">;
  pool: Pool;
  queues: Queues;
  deps: Omit<SweepDeps, "signal">;
  owner: string;
  /** Interval of each sweep in ms. */
  everyMs: Readonly<Record<SweepName, number>>;
  logger: Logger;
  measure: MeasureSweep;
}

/** How often each worker looks whether the schedulers still run: Redis may have lost them. In ms. */
const REASSERT_EVERY_MS = 5_000;

export interface Sweeper {
  /** Begins or ceases to run the sweeps of a place. */
  serve(place: string, served: boolean): void;
  /** Has what failed in a place looked after before the next beat. */
  hurry(place: string): void;
  close(limitMs: number): Promise<void>;
}

const FINISHED_JOBS = { removeOnComplete: 100, removeOnFail: 100 };
/** The sweeps that go on with what failed in a place. */
const CATCHING_UP: readonly SweepName[] = ["instance-state", "removed-instances"];
/** What a run for a place that is no longer served may take until it has noticed, in ms. */
const CEASE_MS = 30_000;

/** Runs the sweeps on their schedulers, one run of each at a time over all workers. */
export function startSweeper(options: SweeperOptions): Sweeper {
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
  const ask = async (place: string, name: SweepName): Promise<void> => {
    // One that waits, or goes on, serves this beat too.
    const deduplication = { id: name };
    await queues.sweepsOf(place).add(name, {}, { ...FINISHED_JOBS, deduplication });
  };
  const open = (place: string | null): { close(limitMs: number): Promise<void> } =>
    openWorker<Record<string, never>>(
      config,
      place === null ? SWEEPS_QUEUE : sweepsQueue(place),
      async (job) => {
        // A dry run is asked for under a name of its own: a worker that doesn't know it does nothing at all.
        const [, dry] = /^dry-run (.+)$/.exec(job.name) ?? [];
        const found = SWEEPS.find((one) => one.name === (dry ?? job.name));
        if (found === undefined) return null;
        // Before any sweep acts on what it doesn't know.
        await look();
        const backends = place === null ? options.deps.backends : onlyOf(options.deps.backends, place);
        const deps = { ...options.deps, backends, signal: stop.signal };
        if (dry !== undefined)
          return withDeadline(found.runLimitMs, [stop.signal], (signal) =>
            dryRun(found, { ...deps, signal }),
          );
        const every = everyMs[found.name];
        if (place !== null || !found.perPlace)
          return options.measure(found.name, () => runSweep(found, deps, owner, every, place));
        const settings = { ...deps.settings, dryRun: [] };
        const all = fanOut(found, (one) => ask(one, found.name));
        return runSweep(all, { ...deps, settings }, owner, every);
      },
      {
        concurrency: SWEEPS.length,
        // A place is asked once at a time: while the run of a worker that died counts as active, none follows it.
        lockDuration: config.lockMs,
        stalledInterval: config.stalledEveryMs,
        maxStalledCount: 1_000_000,
        onError: (error) => logger.debug({ err: error }, "sweep worker"),
      },
    );
  const unplaced = open(null);
  const places = new Map<string, ReturnType<typeof open>>();
  const ending = new Set<Promise<void>>();

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
      await queues.sweeps.upsertJobScheduler(name, { every }, { name, opts: FINISHED_JOBS });
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
    serve(place, now) {
      const had = places.get(place);
      if (now === (had !== undefined)) return;
      if (now) return void places.set(place, open(place));
      places.delete(place);
      const ended: Promise<void> = had!.close(CEASE_MS).finally(() => ending.delete(ended));
      ending.add(ended);
    },
    hurry(place) {
      for (const name of CATCHING_UP)
        ask(place, name).catch((error: unknown) =>
          logger.debug({ err: error, place }, "waits for the next beat"),
        );
    },
    async close(limitMs) {
      clearInterval(timer);
      stop.abort(new Error("the worker is ending"));
      await Promise.all([unplaced, ...places.values()].map((one) => one.close(limitMs)).concat(...ending));
    },
  };
}

/** What a run for one place may touch: nothing, once it isn't served any more. */
function onlyOf(backends: SweepDeps["backends"], place: string): SweepDeps["backends"] {
  const backend = backends.get(place);
  return new Map(backend === undefined ? [] : [[place, backend]]);
}
