import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { parseRedisUrl } from "../config/redis-address.js";

/** Commands are the same for one node and for a Cluster. */
export type RedisClient = Redis | Cluster;

export interface RedisConfig {
  readonly redisUrl: string | null;
  /** A file of certificates, for a `rediss` URL whose authority Node doesn't know. */
  readonly redisCa: string | null;
}

/** Without what would change the type of every reply. */
type Options = Omit<RedisOptions, "replyMapping">;
type Settings = Pick<
  RedisOptions,
  "maxRetriesPerRequest" | "enableOfflineQueue" | "commandTimeout" | "connectTimeout"
>;

/**
 * How long a node may leave all that it was asked unanswered, in ms: one that is frozen, or behind a broken network, keeps its
 * connections, and who holds one never hears of the new primary. BullMQ's workers ask for a job for up to 10 s.
 */
const SILENT_MS = 12_000;
/**
 * What a node says that isn't, or isn't yet, the one to ask: a primary that has become a replica, or is loading. The
 * address may lead elsewhere by now, while this connection lives on. None of these commands has been carried out. Redis 6
 * says so of a script in the middle of its message.
 */
const WRONG_NODE = /\b(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|UNBLOCKED)\b/;

/**
 * Opens a connection to Redis. One that is down is no error here: it is tried again, for ever. So is a node that turns out
 * to be the wrong one: the connection is made anew, and a command that may wait (`enableOfflineQueue`) is sent again.
 * @throws Error if the file of `redisCa` can't be read.
 */
export function openRedis(
  { redisUrl, redisCa }: RedisConfig & { readonly redisUrl: string },
  settings: Settings,
  onError: (error: Error) => void,
): RedisClient {
  const redis = connect(redisUrl, redisCa, settings);
  redis.on("error", onError);
  return redis;
}

/** The nodes that may be written: one, or each with some of a Cluster's slots. */
export function primariesOf(redis: RedisClient): readonly Redis[] {
  return redis instanceof Cluster ? redis.nodes("master") : [redis];
}

function connect(redisUrl: string, redisCa: string | null, settings: Settings): RedisClient {
  const address = parseRedisUrl(redisUrl);
  if (address === null) throw new Error("REDIS_URL has none of the forms that it may have");
  const tls: ConnectionOptions = redisCa === null ? {} : { ca: readFileSync(redisCa) };
  const retryStrategy = (tries: number): number => Math.min(100 * 2 ** tries, 2_000);
  const resend = settings.enableOfflineQueue === true;
  const reconnectOnError = (error: Error): false | 1 | 2 =>
    WRONG_NODE.test(error.message) ? (resend ? 2 : 1) : false;
  const options: Options = { ...settings, socketTimeout: SILENT_MS, retryStrategy, reconnectOnError };
  switch (address.form) {
    case "single":
      return new Redis(address.url, redisCa === null ? options : { ...options, tls });
    case "sentinel": {
      const { form: _form, tls: secure, ...rest } = address;
      const overTls: Options = { tls, sentinelTLS: tls, enableTLSForSentinelMode: true };
      return new Redis({ ...options, ...rest, ...(secure ? overTls : {}) });
    }
    case "cluster": {
      const { nodes, tls: secure, username, password } = address;
      const { maxRetriesPerRequest, commandTimeout, connectTimeout } = settings;
      const perNode = { maxRetriesPerRequest, commandTimeout, connectTimeout, socketTimeout: SILENT_MS };
      const given = Object.entries({ ...perNode, username, password, tls: secure ? tls : undefined });
      return new Cluster(nodes, {
        enableOfflineQueue: resend,
        clusterRetryStrategy: retryStrategy,
        // A node of a Cluster says MOVED, and CLUSTERDOWN is tried again by the client itself.
        redisOptions: Object.fromEntries(given.filter(([, value]) => value !== undefined)),
      });
    }
  }
}
