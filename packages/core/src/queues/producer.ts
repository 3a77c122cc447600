import { Queue, runMigrations } from "bullmq";
import { within } from "../base/deadline.js";
import { readPolicyFile } from "../config/policy-file.js";
import { withClient } from "../db/connect.js";
import type { Pool } from "../db/pool.js";
import { waitingByRequester } from "../db/shares.js";
import type { LogsQuestion } from "../domain/logs.js";
import { weightOf } from "../domain/policy.js";
import type { Dispatcher } from "../gate/dispatcher.js";
import { createDispatcher } from "./dispatcher.js";
import {
  endsQueue,
  logsQueue,
  OPERATIONS_QUEUE,
  operationsQueue,
  SWEEPS_QUEUE,
  sweepsQueue,
  WEBHOOKS_QUEUE,
  type OperationJob,
  type WebhookLane,
} from "./names.js";
import { type Holder, leasePrefix, type PrefixLease } from "./prefix-lease.js";
import { openStore, PRODUCER_LIMIT_MS, queuesUrl, type AnyQueue, type QueueConfig } from "./store.js";

/** How long Redis keeps what a ping has written, in ms. */
const PING_KEPT_MS = 60_000;

/** The queues as a producer sees them. */
export interface Queues {
  /** Of a place; opened when it is first asked for. */
  operationsOf(place: string): AnyQueue<OperationJob>;
  /** Of a place, what only ends things there. */
  endsOf(place: string): AnyQueue<OperationJob>;
  /** Of processes from before there were places. */
  unplaced: AnyQueue<OperationJob>;
  sweeps: AnyQueue<Record<string, never>>;
  /** Of a place; opened when it is first asked for. */
  sweepsOf(place: string): AnyQueue<Record<string, never>>;
  /** Of a place; opened when it is first asked for. */
  logsOf(place: string): AnyQueue<LogsQuestion>;
  webhooks: AnyQueue<WebhookLane>;
  dispatcher: Dispatcher;
  /** Writes: a replica answers what only reads. @throws if the queues' store can't be written within a second. */
  ping(): Promise<void>;
  /** See {@link leasePrefix}; it lasts until these are closed. @throws ConfigError */
  lease(own: Holder, onOther: (sentence: string) => void): Promise<void>;
  /** Which other installation works on these queues, in a sentence; null: none that is known. */
  readonly other: string | null;
  close(): Promise<void>;
}

/**
 * Opens the queues, on Redis or on PostgreSQL. A store that is down is no error here; each call finds out for
 * itself.
 * @throws ConfigError for a policy that can't be read: it says how much each tenant weighs
 * @param pool where operations are counted, so that each asker has its share; null: by what this process adds
 */
export async function openQueues(
  config: QueueConfig,
  onError: (error: Error) => void,
  pool: Pool | null = null,
): Promise<Queues> {
  const policy = readPolicyFile(config.policyFile ?? null);
  if (config.redisUrl === null) await withClient(queuesUrl(config), (client) => runMigrations(client));
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
  const opened = new Map<string, AnyQueue<unknown>>();
  const lazily = <Data>(name: string): AnyQueue<Data> => {
    const found = opened.get(name) ?? open<unknown>(name);
    if (!opened.has(name)) {
      opened.set(name, found);
      // As below: one that couldn't connect is of no use.
      if (store.redis === null)
        found.waitUntilReady().catch(() => {
          opened.delete(name);
          void found.close().catch(onError);
        });
    }
    return found as AnyQueue<Data>;
  };
  const operationsOf = (place: string) => lazily<OperationJob>(operationsQueue(place));
  const endsOf = (place: string) => lazily<OperationJob>(endsQueue(place));
  const unplaced = open<OperationJob>(OPERATIONS_QUEUE);
  const sweeps = open<Record<string, never>>(SWEEPS_QUEUE);
  const webhooks = open<WebhookLane>(WEBHOOKS_QUEUE);
  const all = [unplaced, sweeps, webhooks];
  let lease: PrefixLease | null = null;
  // On PostgreSQL a first connection that fails is remembered for ever: better not to start at all.
  if (store.redis === null) await Promise.all(all.map((queue) => queue.waitUntilReady()));
  return {
    operationsOf,
    endsOf,
    unplaced,
    sweeps,
    sweepsOf: (place) => lazily<Record<string, never>>(sweepsQueue(place)),
    logsOf: (place) => lazily<LogsQuestion>(logsQueue(place)),
    webhooks,
    dispatcher: createDispatcher({ operationsOf, endsOf }, store, config, {
      waitingIn: async (place) => (pool === null ? [] : waitingByRequester(pool, place)),
      weightOf: (tenant) => weightOf(policy, tenant),
    }),
    ping: async () => {
      await within(PRODUCER_LIMIT_MS, [], async () => {
        await unplaced.getJobCountByTypes("active");
        await store.redis?.set(`${config.queuePrefix}:ping`, "1", "PX", PING_KEPT_MS);
      });
    },
    lease: async (own, onOther) => {
      lease = await leasePrefix(store, own, onOther);
    },
    get other() {
      return lease?.other ?? null;
    },
    close: async () => {
      lease?.close();
      await Promise.allSettled([...all, ...opened.values()].map((queue) => queue.close()));
      store.redis?.disconnect();
    },
  };
}

/** Has a webhook's due deliveries sent, unless a job for them waits or runs already. */
export async function addLane({ webhooks }: Pick<Queues, "webhooks">, webhookId: string): Promise<void> {
  const options = { jobId: webhookId, removeOnComplete: true, removeOnFail: true };
  await within(PRODUCER_LIMIT_MS, [], () => webhooks.add("deliver", { webhookId }, options));
}
