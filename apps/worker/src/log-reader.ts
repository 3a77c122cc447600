import type { Backend } from "@berth/core/compute/backend";
import type { Pool } from "@berth/core/db/pool";
import type { Logger } from "@berth/core/base/logger";
import type { LogsQuestion } from "@berth/core/domain/logs";
import { readLogs } from "@berth/core/agents/logs";
import { LOGS_QUEUE } from "@berth/core/queues/names";
import type { QueueConfig } from "@berth/core/queues/store";
import { openWorker } from "@berth/core/queues/worker";

const CONCURRENCY = 8;

/** Answers the API's questions for logs: only workers know the providers. */
export function startLogReader(options: {
  config: QueueConfig;
  pool: Pool;
  backends: ReadonlyMap<string, Backend>;
  logger: Logger;
}): { close(limitMs: number): Promise<void> } {
  const { config, pool, backends, logger } = options;
  const ending = new AbortController();
  const { close } = openWorker<LogsQuestion>(
    config,
    LOGS_QUEUE,
    (job) => readLogs({ pool, backends }, job.data, ending.signal),
    { concurrency: CONCURRENCY, onError: (error) => logger.debug({ err: error }, "log reader") },
  );
  return {
    async close(limitMs) {
      ending.abort(new Error("the worker is ending"));
      await close(limitMs);
    },
  };
}
