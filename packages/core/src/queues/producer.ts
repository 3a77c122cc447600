import { Queue, runMigrations } from "bullmq";
import { within } from "../base/deadline.js";
import { withClient } from "../db/pool.js";
import type { LogsQuestion } from "../domain/logs.js";
import type { Dispatcher } from "../gate/dispatcher.js";
import { createDispatcher } from "./dispatcher.js";
import {
  LOGS_QUEUE,
  OPERATIONS_QUEUE,
  SWEEPS_QUEUE,
  WEBHOOKS_QUEUE,
  type OperationJob,
  type WebhookLane,
} from "./names.js";
import { openStore, PRODUCER_LIMIT_MS, type AnyQueue, type QueueConfig } from "./store.js";

/** The queues as a producer sees them. */
export interface Queues {
  operations: AnyQueue<OperationJob>;
  sweeps: AnyQueue<Record<string, never>>;
  logs: AnyQueue<LogsQuestion>;
  webhooks: AnyQueue<WebhookLane>;
  dispatcher: Dispatcher;
  /** @throws if the queues' store doesn't answer within a second. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the queues, on Redis or on PostgreSQL. A store that is down is no error here; each call finds out for
 * itself.
 */
export async function openQueues(config: QueueConfig, onError: (error: Error) => void): Promise<Queues> {
  if (config.redisUrl === null) await withClient(config.databaseUrl, (client) => runMigrations(client));
  const store = openStore(config, "producer", onError);
  const open = <Data>(name: string): AnyQueue<Data> => {
    const queue = new Queue(
      name,
      { connection: store.connection, ...store.options },
      store.factory,
    ) as AnyQueue<Data>;
    queue.on("error", onError);
    return queue;
  };
  const operations = open<OperationJob>(OPERATIONS_QUEUE);
  const sweeps = open<Record<string, never>>(SWEEPS_QUEUE);
  const logs = open<LogsQuestion>(LOGS_QUEUE);
  const webhooks = open<WebhookLane>(WEBHOOKS_QUEUE);
  const all = [operations, sweeps, logs, webhooks];
  // On PostgreSQL a first connection that fails is remembered for ever: better not to start at all.
  if (store.redis === null) await Promise.all(all.map((queue) => queue.waitUntilReady()));
  return {
    operations,
    sweeps,
    logs,
    webhooks,
    dispatcher: createDispatcher(operations, store, config),
    ping: async () => {
      await within(PRODUCER_LIMIT_MS, [], () => operations.getJobCountByTypes("active"));
    },
    close: async () => {
      await Promise.allSettled(all.map((queue) => queue.close()));
      store.redis?.disconnect();
    },
  };
}

/** Has a webhook's due deliveries sent, unless a job for them waits or runs already. */
export async function addLane({ webhooks }: Pick<Queues, "webhooks">, webhookId: string): Promise<void> {
  const options = { jobId: webhookId, removeOnComplete: true, removeOnFail: true };
  await within(PRODUCER_LIMIT_MS, [], () => webhooks.add("deliver", { webhookId }, options));
}
