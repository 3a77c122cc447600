import { createPostgresBackend, createRedisBackend, type Queue } from "bullmq";
import type { BackendFactory, ConnectionOptions } from "bullmq";
import { BullMQOtel } from "bullmq-otel";
import { within } from "../base/deadline.js";
import { BerthError } from "../base/errors.js";
import { connectionTo, QuietClient } from "../db/connect.js";
import { openRedis, type RedisClient, type RedisConfig } from "../base/redis.js";

export type AnyQueue<Data> = Queue<Data, unknown, string, Data, unknown>;

/** `redisUrl` null: BullMQ runs on its PostgreSQL backend, in the same database. */
export interface QueueConfig extends RedisConfig {
  readonly databaseUrl: string;
  readonly databaseListenUrl: string | null;
  readonly queuePrefix: string;
  readonly parkMs: number;
  readonly retryDelayMs: number;
  /** Where it stands how much each tenant weighs; absent or null: all the same. */
  readonly policyFile?: string | null;
  /** Where traces go; absent or null: nowhere. */
  readonly otlpEndpoint?: string | null;
}

/** What BullMQ runs on: everything above this file is the same on Redis and on PostgreSQL. */
export interface Store {
  connection: ConnectionOptions;
  options: { prefix?: string; telemetry?: BullMQOtel };
  factory: BackendFactory;
  redis: RedisClient | null;
}

/** How long a producer waits for the queues' store: a request is accepted without it (I6). In ms. */
export const PRODUCER_LIMIT_MS = 1_000;
/** How long who asks a worker waits for the queues' store, in ms. */
const ASKER_LIMIT_MS = 2_000;

/** BullMQ's PostgreSQL store works over direct connections only: it sets `search_path` by a startup option, and listens. */
export function queuesUrl({
  databaseUrl,
  databaseListenUrl,
}: Pick<QueueConfig, "databaseUrl" | "databaseListenUrl">): string {
  return databaseListenUrl ?? databaseUrl;
}

/**
 * The one place where queues get their connections. A worker waits for a store that is down to come back; a
 * producer fails at once, and leaves what it couldn't add to the dispatch sweep.
 */
export function openStore(
  config: QueueConfig,
  role: "producer" | "worker",
  onError: (error: Error) => void,
): Store {
  const { redisUrl, redisCa, otlpEndpoint = null } = config;
  // A job has the trace of who added it, and is carried out as a part of that.
  const telemetry = otlpEndpoint === null ? {} : { telemetry: new BullMQOtel({ tracerName: "berth" }) };
  if (redisUrl === null) {
    const connection = {
      ...connectionTo(queuesUrl(config)),
      max: role === "producer" ? 4 : 8,
      Client: QuietClient,
    };
    return {
      connection: connection as ConnectionOptions,
      options: telemetry,
      factory: createPostgresBackend as unknown as Store["factory"],
      redis: null,
    };
  }
  const settings =
    role === "worker"
      ? { maxRetriesPerRequest: null, enableOfflineQueue: true }
      : { maxRetriesPerRequest: 1, enableOfflineQueue: false };
  const redis = openRedis({ redisUrl, redisCa }, settings, onError);
  return {
    connection: redis as unknown as ConnectionOptions,
    options: { prefix: config.queuePrefix, ...telemetry },
    factory: createRedisBackend as unknown as Store["factory"],
    redis,
  };
}

/** Waits for the queues' store, but not for long. @throws BerthError `queues_unavailable` */
export async function askStore<T>(work: Promise<T>): Promise<T> {
  try {
    return await within(ASKER_LIMIT_MS, [], () => work);
  } catch (error) {
    throw new BerthError("queues_unavailable", "the queues' store does not answer", {}, error);
  }
}
