import type { CallPriority } from "./backend.js";

/** A token bucket: at most `size` calls at once, and `perSecond` in the long run. */
export interface Bucket {
  size: number;
  perSecond: number;
}

/** What one call takes: so many tokens of each of these buckets, or none of any. */
export type Draw = readonly { bucket: string; tokens: number }[];

export interface Limiter {
  /**
   * Waits until the call may be made. Among those that wait for the same first bucket, the more urgent goes
   * first, then the one that came first. @throws the signal's reason
   */
  take(draw: Draw, priority: CallPriority, signal: AbortSignal | undefined): Promise<void>;
  /**
   * The provider said that its own bucket is empty: so ours is too, and it fills more slowly for a while, since
   * others draw on the provider's as well.
   */
  drain(draw: Draw): void;
  /** Calls that wait now. */
  waiting(): number;
}

interface Waiter {
  draw: Draw;
  rank: number;
  go: () => void;
}

const RANK: Readonly<Record<CallPriority, number>> = { user: 0, delete: 1, reconcile: 2 };
const SHORTEST_PAUSE_MS = 5;
/** What is left of the rate after each refusal, the least that is left, and what comes back each second. */
const SLOWER = { times: 0.7, least: 0.25, recoveryPerSecond: 0.05 };

/** Token buckets within this process. A bucket that isn't listed has no limit. */
export function createLimiter(buckets: Readonly<Record<string, Bucket>>): Limiter {
  const levels = new Map(
    Object.entries(buckets).map(([name, bucket]) => [
      name,
      { tokens: bucket.size, at: performance.now(), speed: 1 },
    ]),
  );
  const queues = new Map<string, Waiter[]>();
  const timers = new Set<string>();

  /** Tokens in a bucket now. */
  const levelOf = (name: string, bucket: Bucket): number => {
    const level = levels.get(name)!;
    const now = performance.now();
    const seconds = (now - level.at) / 1000;
    level.tokens = Math.min(bucket.size, level.tokens + seconds * bucket.perSecond * level.speed);
    level.speed = Math.min(1, level.speed + seconds * SLOWER.recoveryPerSecond);
    level.at = now;
    return level.tokens;
  };
  /** How long until a draw can be met, in ms; 0: now. A draw larger than its bucket needs a full one. */
  const waitFor = (draw: Draw): number =>
    Math.max(
      0,
      ...draw.map(({ bucket: name, tokens }) => {
        const bucket = buckets[name];
        if (bucket === undefined) return 0;
        const short = Math.min(tokens, bucket.size) - levelOf(name, bucket);
        return short <= 1e-9 ? 0 : (short / (bucket.perSecond * levels.get(name)!.speed)) * 1000;
      }),
    );
  const spend = (draw: Draw): void => {
    for (const { bucket, tokens } of draw) {
      const level = levels.get(bucket);
      if (level !== undefined) level.tokens -= tokens;
    }
  };
  const pump = (name: string): void => {
    const queue = queues.get(name) ?? [];
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const wait = waitFor(next.draw);
      if (wait > 0) return wakeLater(name, wait);
      queue.shift();
      spend(next.draw);
      next.go();
    }
    queues.delete(name);
  };
  const wakeLater = (name: string, ms: number): void => {
    if (timers.has(name)) return;
    timers.add(name);
    setTimeout(
      () => {
        timers.delete(name);
        pump(name);
      },
      Math.max(SHORTEST_PAUSE_MS, Math.ceil(ms)),
    );
  };

  return {
    take(draw, priority, signal) {
      const name = draw[0]?.bucket ?? "";
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const queue = queues.get(name) ?? [];
        queues.set(name, queue);
        const onAbort = (): void => {
          const at = queue.indexOf(waiter);
          if (at >= 0) queue.splice(at, 1);
          reject(signal!.reason as Error);
        };
        const rank = RANK[priority];
        const go = (): void => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        };
        const waiter: Waiter = { draw, rank, go };
        signal?.addEventListener("abort", onAbort, { once: true });
        const before = queue.findIndex((other) => other.rank > rank);
        queue.splice(before < 0 ? queue.length : before, 0, waiter);
        pump(name);
      });
    },
    drain(draw) {
      for (const { bucket: name } of draw) {
        const bucket = buckets[name];
        if (bucket === undefined) continue;
        levelOf(name, bucket);
        const level = levels.get(name)!;
        level.tokens = Math.min(level.tokens, 0);
        level.speed = Math.max(SLOWER.least, level.speed * SLOWER.times);
      }
    },
    waiting: () => [...queues.values()].reduce((sum, queue) => sum + queue.length, 0),
  };
}
