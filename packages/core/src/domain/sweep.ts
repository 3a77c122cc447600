/** How often a sweep runs and how far it may go. Times in ms. */
export interface SweepRules {
  /** Between two runs; `BERTH_SWEEP_<NAME>_EVERY_MS` overrides it. */
  everyMs: number;
  /** How much one run does at most. */
  limit: number;
  /** How long one run may take. */
  runLimitMs: number;
  /** True if it decides by itself to act on what lives: too much at once then waits for a person. */
  breaker: boolean;
}

/**
 * Every sweep there is, in the order in which they are listed. Names, settings and schedules follow from this
 * table, and `sweeps/all.ts` must have the work of each.
 */
export const SWEEP_RULES = {
  // What it wakes was asked for.
  dispatch: { everyMs: 5_000, limit: 1_000, runLimitMs: 10_000, breaker: false },
  // Somebody asked for it, and could see before what it does.
  bulk: { everyMs: 5_000, limit: 5_000, runLimitMs: 60_000, breaker: false },
  // What it releases was asked for.
  "removed-instances": { everyMs: 60_000, limit: 100, runLimitMs: 120_000, breaker: false },
  "docker-orphans": { everyMs: 60_000, limit: 100, runLimitMs: 60_000, breaker: true },
  "leaked-instances": { everyMs: 60_000, limit: 100, runLimitMs: 120_000, breaker: true },
  "instance-state": { everyMs: 60_000, limit: 200, runLimitMs: 60_000, breaker: true },
  liveness: { everyMs: 15_000, limit: 200, runLimitMs: 60_000, breaker: true },
  "provisioning-timeout": { everyMs: 30_000, limit: 200, runLimitMs: 30_000, breaker: true },
  // Whoever gave it `hibernate_after_minutes` asked for this.
  "idle-hibernation": { everyMs: 120_000, limit: 200, runLimitMs: 60_000, breaker: false },
  // Whoever gave it `expires_at` asked for this.
  expiry: { everyMs: 60_000, limit: 200, runLimitMs: 60_000, breaker: false },
  retention: { everyMs: 3_600_000, limit: 10, runLimitMs: 120_000, breaker: false },
} as const satisfies Readonly<Record<string, SweepRules>>;

export type SweepName = keyof typeof SWEEP_RULES;
export const SWEEP_NAMES = Object.keys(SWEEP_RULES) as SweepName[];

/** When a sweep would do so much at once that its picture is more likely wrong than the fleet. */
export interface BreakerLimits {
  /** It acts on at most this share of what it looked at, 0 to 1 … */
  share: number;
  /** … or on this many, so that a tiny fleet isn't blocked by a percentage. */
  least: number;
}

/** True if so many acts at once are to wait for a person. */
export function isTooMuch(limits: BreakerLimits, lookedAt: number, wouldAct: number): boolean {
  return wouldAct > limits.least && wouldAct > limits.share * lookedAt;
}
