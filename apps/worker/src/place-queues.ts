import type { Backend } from "@berth/core/compute/backend";
import type { WorkerConfig } from "@berth/core/config/config";
import type { Pool } from "@berth/core/db/pool";
import type { Logger } from "@berth/core/base/logger";
import { endsQueue, OPERATIONS_QUEUE, operationsQueue, type OperationJob } from "@berth/core/queues/names";
import { openWorker } from "@berth/core/queues/worker";
import { startLogReader } from "./log-reader.js";
import { createProcessor, RetryError, type ProcessorOptions } from "./processor.js";

export interface PlaceQueuesOptions {
  config: WorkerConfig;
  pool: Pool;
  served: ReadonlyMap<string, Backend>;
  processor: Omit<ProcessorOptions, "place">;
  logger: Logger;
  onError: (error: Error) => void;
}

interface Closing {
  close(limitMs: number): Promise<void>;
}

/**
 * The queues of the places that this worker serves, two each: what starts something there and what ends it have slots of
 * their own (I15). And the one of old processes.
 */
export interface PlaceQueues extends Closing {
  /** Begins or ceases to take the work of a place. What it has begun ends by itself. */
  serve(place: string, served: boolean): void;
}

/** A job that many crashed workers left behind is still carried: the gate counts the takeovers, not BullMQ. */
const UNLIMITED_STALLS = 1_000_000;

export function openPlaceQueues(options: PlaceQueuesOptions): PlaceQueues {
  const { config, pool, served, logger } = options;
  const open = new Map<string, readonly Closing[]>();
  const ending = new Set<Promise<unknown>>();
  const unplaced = openOperations(options, OPERATIONS_QUEUE, null);
  return {
    serve(place, now) {
      const had = open.get(place);
      if (now === (had !== undefined)) return;
      if (now) {
        const logs = startLogReader({ config, pool, backends: served, place, logger });
        const starts = openOperations(options, operationsQueue(place), place);
        const ends = openOperations(options, endsQueue(place), place);
        open.set(place, [starts, ends, logs]);
        return;
      }
      open.delete(place);
      const ended = Promise.all(had!.map((one) => one.close(config.attemptTimeoutMs))).finally(() =>
        ending.delete(ended),
      );
      ending.add(ended);
    },
    async close(limitMs) {
      const all = [unplaced, ...[...open.values()].flat()];
      await Promise.all([...all.map((one) => one.close(limitMs)), ...ending]);
    },
  };
}

function openOperations(
  { config, processor, onError }: PlaceQueuesOptions,
  queue: string,
  place: string | null,
): Closing {
  return openWorker<OperationJob>(config, queue, createProcessor({ ...processor, place }), {
    concurrency: config.concurrency,
    lockDuration: config.lockMs,
    stalledInterval: config.stalledEveryMs,
    maxStalledCount: UNLIMITED_STALLS,
    settings: {
      backoffStrategy: (_attempts, _type, error) =>
        error instanceof RetryError ? error.delayMs : config.retryDelayMs,
    },
    onError,
  });
}
