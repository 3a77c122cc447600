/** Share of each retry's delay that is random, so that failures of one cause don't return in step. */
export const RETRY_JITTER = 0.5;

/** How long to wait between attempts. Times in ms. */
export interface RetryPolicy {
  delayMs: number;
  maxDelayMs: number;
  /** Share of the delay that is random, 0 to 1, so that failures of one cause don't return in step. */
  jitter: number;
}

/**
 * The wait after the given attempt (1-based) failed: exponential with factor 2, capped, the last `jitter`
 * share of it random. `random` is in [0, 1).
 */
export function retryDelay(policy: RetryPolicy, attempt: number, random: number): number {
  const full = Math.min(policy.delayMs * 2 ** (attempt - 1), policy.maxDelayMs);
  return Math.round(full * (1 - policy.jitter) + full * policy.jitter * random);
}
