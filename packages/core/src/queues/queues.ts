import { setTimeout as delay } from "node:timers/promises";
import { createPostgresBackend, createRedisBackend, Queue, runMigrations, Worker } from "bullmq";
import type { BackendFactory, ConnectionOptions, Job, JobsOptions, WorkerOptions } from "bullmq";
import { Redis } from "ioredis";
import { RETRY_JITTER } from "../domain/backoff.js";
import type { LogsQuestion } from "../domain/logs.js";
import type { DispatchedOperation, Dispatcher } from "../gate/dispatcher.js";
import { withClient } from "../db/pool.js";

export const OPERATIONS_QUEUE = "operations";
export const SWEEPS_QUEUE = "sweeps";
/** Questions for the logs of a workspace, which the workers answer. */
export const LOGS_QUEUE = "logs";
/** Webhooks for which deliveries are due: a job sends those of one. */
export const WEBHOOKS_QUEUE = "webhooks";
/** The backoff whose delays the gate has recorded already: exponential with jitter and a cap. */
export const BACKOFF = "capped-exponential";

/** The job of an operation. PostgreSQL has all else. */
export interface OperationJob {
  workspaceId: string;
  operationId: string;
  ticket: number;
}

export interface WebhookLane {
  webhookId: string;
}

type AnyQueue<Data> = Queue<Data, unknown, string, Data, unknown>;
export type AnyJob<Data> = Job<Data, unknown>;

export interface QueueConfig {
  readonly databaseUrl: string;
  /** Null: BullMQ runs on its PostgreSQL backend, in the same database. */
  readonly redisUrl: string | null;
  readonly queuePrefix: string;
  readonly parkMs: number;
  readonly retryDelayMs: number;
}

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

/** How long a producer waits for the queues' store: a request is accepted without it (I6). In ms. */
const PRODUCER_LIMIT_MS = 1_000;
/** ioredis's states in which a command can't be sent. */
const DOWN = new Set(["close", "reconnecting", "end"]);
/** How often a worker whose store refused its first connection tries again, in ms. */
const RECONNECT_EVERY_MS = 1_000;
const FINISHED_JOBS: Pick<JobsOptions, "removeOnComplete" | "removeOnFail"> = {
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 86_400, count: 5_000 },
};

/**
 * Opens the queues, on Redis or on PostgreSQL: everything above this file is the same for both. A store that
 * is down is no error here; each call finds out for itself.
 */
export async function openQueues(config: QueueConfig, onError: (error: Error) => void): Promise<Queues> {
  if (config.redisUrl === null) await withClient(config.databaseUrl, (client) => runMigrations(client));
  const store = openStore(config, "producer");
  store.redis?.on("error", onError);
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
      await within(PRODUCER_LIMIT_MS, operations.getJobCountByTypes("active"));
    },
    close: async () => {
      await Promise.allSettled(all.map((queue) => queue.close()));
      store.redis?.disconnect();
    },
  };
}

/**
 * A worker of one queue. Its `error` events go to `onError`. `close` waits for its jobs for at most `limitMs`:
 * a store that is down must not keep the process.
 */
export function openWorker<Data>(
  config: QueueConfig,
  name: string,
  processor: (
    job: AnyJob<Data>,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ) => Promise<unknown>,
  options: Partial<WorkerOptions> & { onError: (error: Error) => void },
): { close(limitMs: number): Promise<void> } {
  const { onError, ...rest } = options;
  const store = openStore(config, "worker");
  store.redis?.on("error", onError);
  const make = () => {
    const worker = new Worker(
      name,
      processor as never,
      { connection: store.connection, ...store.options, ...rest, autorun: store.redis !== null },
      store.factory,
    );
    worker.on("error", onError);
    return worker;
  };
  let worker = make();
  const closing = new AbortController();
  // BullMQ's PostgreSQL store remembers a first connection that failed for ever, and its worker then spins
  // without yielding: such a worker is made anew until one has connected, and only that one runs.
  const runOnceConnected = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await worker.waitUntilReady();
        void worker.run().catch(onError);
        return;
      } catch (error) {
        onError(error as Error);
        await worker.close(true).catch(onError);
        await delay(RECONNECT_EVERY_MS, undefined, { signal: closing.signal }).catch(() => undefined);
        if (!closing.signal.aborted) worker = make();
      }
    }
  };
  const running = store.redis === null ? runOnceConnected() : Promise.resolve();
  return {
    async close(limitMs) {
      closing.abort();
      await within(limitMs, Promise.all([running, worker.close()])).catch(onError);
      store.redis?.disconnect();
    },
  };
}

/** Has a webhook's due deliveries sent, unless a job for them waits or runs already. */
export async function addLane({ webhooks }: Pick<Queues, "webhooks">, webhookId: string): Promise<void> {
  await within(
    PRODUCER_LIMIT_MS,
    webhooks.add("deliver", { webhookId }, { jobId: webhookId, removeOnComplete: true, removeOnFail: true }),
  );
}

/** The id of an operation's job: made from workspace and ticket, so that it is known without a query. */
export function jobId(workspaceId: string, ticket: number): string {
  return `${workspaceId}-${ticket}`;
}

function createDispatcher(queue: AnyQueue<OperationJob>, store: Store, config: QueueConfig): Dispatcher {
  // A Redis known to be down is not waited for: each request would pay for it.
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    if (store.redis !== null && DOWN.has(store.redis.status)) throw new Error("the queue's store is down");
    return within(PRODUCER_LIMIT_MS, work());
  };
  const add = async (operation: DispatchedOperation, delayMs: number): Promise<void> => {
    const data = { workspaceId: operation.workspace_id, operationId: operation.id, ticket: operation.ticket };
    await ask(() =>
      queue.add(operation.kind, data, {
        jobId: jobId(operation.workspace_id, operation.ticket),
        delay: delayMs,
        attempts: operation.max_attempts,
        backoff: { type: BACKOFF, delay: config.retryDelayMs, jitter: RETRY_JITTER },
        ...FINISHED_JOBS,
      }),
    );
  };
  const promote = async (workspaceId: string, ticket: number): Promise<boolean> => {
    try {
      await ask(() => queue.getBackend().promote(jobId(workspaceId, ticket)));
      return true;
    } catch {
      // BullMQ has one error for "not there" and "not delayed"; the caller finds out which by adding it.
      return false;
    }
  };
  return {
    add: (operation, when) => add(operation, when === "parked" ? config.parkMs : 0),
    promote,
    async wake(operation) {
      const id = jobId(operation.workspace_id, operation.ticket);
      if (await promote(operation.workspace_id, operation.ticket)) return true;
      const state = await ask(() => queue.getJobState(id));
      // A finished job whose operation isn't: its id would make the add a silent no-op.
      if (state === "completed" || state === "failed") await ask(() => queue.remove(id));
      const missing = state === "unknown" || state === "completed" || state === "failed";
      if (missing) await add(operation, 0);
      // A producer's parked add may have landed between the first promotion and this add.
      return (await promote(operation.workspace_id, operation.ticket)) || missing;
    },
  };
}

interface Store {
  connection: ConnectionOptions;
  options: { prefix?: string };
  factory: BackendFactory;
  redis: Redis | null;
}

function openStore(config: QueueConfig, role: "producer" | "worker"): Store {
  if (config.redisUrl === null) {
    const connection = { connectionString: config.databaseUrl, max: role === "producer" ? 4 : 8 };
    return {
      connection: connection as ConnectionOptions,
      options: {},
      factory: createPostgresBackend as unknown as Store["factory"],
      redis: null,
    };
  }
  const redis = new Redis(config.redisUrl, {
    // A worker waits for Redis to come back; a producer fails at once and leaves it to the dispatch sweep.
    maxRetriesPerRequest: role === "worker" ? null : 1,
    enableOfflineQueue: role === "worker",
    retryStrategy: (tries) => Math.min(100 * 2 ** tries, 2_000),
  });
  return {
    connection: redis as unknown as ConnectionOptions,
    options: { prefix: config.queuePrefix },
    factory: createRedisBackend as unknown as Store["factory"],
    redis,
  };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the queue's store did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
    // The loser may still reject, after nobody listens.
    work.catch(() => undefined);
  }
}
