import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../config/config.js";
import { openRedis } from "./redis.js";

/** So many in each window of so many seconds. */
export interface Budget {
  name: string;
  quota: number;
  windowS: number;
}

export interface Spent {
  /** More was asked for than there is. */
  over: boolean;
  left: number;
  /** Until the budget is whole again, in s. */
  resetS: number;
}

export interface RateLimits {
  /** Counts `cost`, 1 unless told, against a key's budget. Never rejects. */
  spend(budget: Budget, key: string, cost?: number): Promise<Spent>;
  close(): void;
}

/** A Redis that takes longer is left out: what it would protect from costs less. In ms. */
const REDIS_LIMIT_MS = 250;
/** How long it then isn't asked, in ms. */
const AWAY_MS = 1_000;

/**
 * Counts for all processes together in Redis; without one, or while it is away, for each process by itself: a
 * limit never makes Berth unavailable.
 */
export function openRateLimits(
  { redisUrl, redisCa, queuePrefix }: Pick<Config, "redisUrl" | "redisCa" | "queuePrefix">,
  onError: (error: unknown) => void,
): RateLimits {
  const settings = { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: REDIS_LIMIT_MS };
  const redis = redisUrl === null ? null : openRedis({ redisUrl, redisCa }, settings, onError);
  const limiters = new Map<Budget, { own: RateLimiterMemory; shared: RateLimiterRedis | null }>();
  let awayUntil = 0;

  const limitersOf = (budget: Budget) => {
    const known = limiters.get(budget);
    if (known !== undefined) return known;
    const options = {
      keyPrefix: `${queuePrefix}:limits:${budget.name}`,
      points: budget.quota,
      duration: budget.windowS,
    };
    const made = {
      own: new RateLimiterMemory(options),
      shared:
        redis === null
          ? null
          : new RateLimiterRedis({
              ...options,
              storeClient: redis,
              rejectIfRedisNotReady: true,
              // Who is over it is refused without a word to Redis until the window ends.
              inMemoryBlockOnConsumed: budget.quota + 1,
            }),
    };
    limiters.set(budget, made);
    return made;
  };

  return {
    async spend(budget, key, cost = 1) {
      const { own, shared } = limitersOf(budget);
      if (shared !== null && performance.now() >= awayUntil) {
        try {
          return spent(await shared.consume(key, cost));
        } catch (error) {
          if (error instanceof RateLimiterRes) return spent(error, true);
          awayUntil = performance.now() + AWAY_MS;
          onError(error);
        }
      }
      return own.consume(key, cost).then(
        (result) => spent(result),
        (refused: RateLimiterRes) => spent(refused, true),
      );
    },
    close() {
      redis?.disconnect();
    },
  };
}

function spent({ remainingPoints, msBeforeNext }: RateLimiterRes, over = false): Spent {
  return { over, left: over ? 0 : remainingPoints, resetS: Math.max(1, Math.ceil(msBeforeNext / 1_000)) };
}
