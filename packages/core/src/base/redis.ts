import { Redis, type RedisOptions } from "ioredis";

export type { Redis } from "ioredis";

type Settings = Pick<RedisOptions, "maxRetriesPerRequest" | "enableOfflineQueue" | "commandTimeout">;

/** Opens a connection to Redis. One that is down is no error here: it is tried again, for ever. */
export function openRedis(url: string, settings: Settings, onError: (error: Error) => void): Redis {
  const retryStrategy = (tries: number): number => Math.min(100 * 2 ** tries, 2_000);
  const redis = new Redis(url, { ...settings, retryStrategy });
  redis.on("error", onError);
  return redis;
}
