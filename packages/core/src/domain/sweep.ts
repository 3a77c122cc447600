/** Every sweep there is, those of DESIGN.md §8 in its order. */
export const SWEEP_NAMES = [
  "dispatch",
  "bulk",
  "removed-instances",
  "docker-orphans",
  "leaked-instances",
  "instance-state",
  "liveness",
  "provisioning-timeout",
  "idle-hibernation",
  "expiry",
  "retention",
] as const;
export type SweepName = (typeof SWEEP_NAMES)[number];

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
