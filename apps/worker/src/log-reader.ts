import type { Backend } from "@berth/core/compute/backend";
import type { Pool } from "@berth/core/db/pool";
import type { Logger } from "@berth/core/base/logger";
import type { LogsQuestion } from "@berth/core/domain/logs";
import { answerLogs } from "@berth/core/agents/logs";
import { logsQueue } from "@berth/core/queues/names";
import type { QueueConfig } from "@berth/core/queues/store";
import { openWorker } from "@berth/core/queues/worker";

const CONCURRENCY = 8;

/** Answers the API's questions for the logs of a place: only workers know the providers. */
export function startLogReader(options: {
  config: QueueConfig;
  pool: Pool;
  backends: ReadonlyMap<string, Backend>;
  place: string;
  logger: Logger;
}): { close(limitMs: number): Promise<void> } {
  const { config, pool, backends, place, logger } = options;
  const ending = new AbortController();
  const { close } = openWorker<LogsQuestion>(
    config,
    logsQueue(place),
    (job) => answerLogs({ pool, backends }, job.data, ending.signal),
    { concurrency: CONCURRENCY, onError: (error) => logger.debug({ err: error }, "log reader") },
  );
  return {
    async close(limitMs) {
      ending.abort(new Error("the worker is ending"));
      await close(limitMs);
    },
  };
}
