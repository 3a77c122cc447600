import { BACKENDS, computeOf } from "./backend.js";

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
  /** True if it asks providers: then it runs for each place by itself, so that one stops no other (I15). */
  perPlace: boolean;
}

/**
 * Every sweep there is, in the order in which they are listed. Names, settings and schedules follow from this
 * table, and `sweeps/all.ts` must have the work of each.
 */
export const SWEEP_RULES = {
  // What it wakes was asked for.
  dispatch: { everyMs: 5_000, limit: 1_000, runLimitMs: 10_000, breaker: false, perPlace: false },
  // Somebody asked for it, and could see before what it does.
  bulk: { everyMs: 5_000, limit: 5_000, runLimitMs: 60_000, breaker: false, perPlace: false },
  // What it releases was asked for.
  "removed-instances": { everyMs: 60_000, limit: 100, runLimitMs: 120_000, breaker: false, perPlace: true },
  "docker-orphans": { everyMs: 60_000, limit: 100, runLimitMs: 60_000, breaker: true, perPlace: true },
  "leaked-instances": { everyMs: 60_000, limit: 100, runLimitMs: 120_000, breaker: true, perPlace: true },
  "instance-state": { everyMs: 60_000, limit: 200, runLimitMs: 60_000, breaker: true, perPlace: true },
  liveness: { everyMs: 15_000, limit: 200, runLimitMs: 60_000, breaker: true, perPlace: false },
  "provisioning-timeout": { everyMs: 30_000, limit: 200, runLimitMs: 30_000, breaker: true, perPlace: false },
  // Whoever gave it `hibernate_after_minutes` asked for this.
  "idle-hibernation": { everyMs: 120_000, limit: 200, runLimitMs: 60_000, breaker: false, perPlace: false },
  // Whoever gave it `expires_at` asked for this.
  expiry: { everyMs: 60_000, limit: 200, runLimitMs: 60_000, breaker: false, perPlace: false },
  // An operator asked for it.
  drain: { everyMs: 10_000, limit: 50, runLimitMs: 120_000, breaker: false, perPlace: true },
  retention: { everyMs: 3_600_000, limit: 10, runLimitMs: 120_000, breaker: false, perPlace: false },
} as const satisfies Readonly<Record<string, SweepRules>>;

export type SweepName = keyof typeof SWEEP_RULES;
/** True if the sweep has something to look at in places of this backend. */
export function sweepsIn(name: SweepName, backend: string): boolean {
  const compute = computeOf(backend);
  if (!SWEEP_RULES[name].perPlace || compute === null) return false;
  return !ORPHANS.has(name) || compute.orphans === name;
}
const ORPHANS: ReadonlySet<string> = new Set(BACKENDS.map((backend) => computeOf(backend)?.orphans ?? ""));

/** Names a sweep's runs in one place apart from those in others. */
export function sweepKey(name: SweepName, place: string | null): string {
  return place === null ? name : `${name}@${place}`;
}

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
