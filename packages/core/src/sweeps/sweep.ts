import { SWEEP_RULES, type BreakerLimits, type SweepName, type SweepRules } from "../domain/sweep.js";
import type { HealOptions } from "./heal.js";
import type { RetryPolicy } from "../domain/backoff.js";
import type { RequestContext } from "../requests/accept.js";
import type { Logger } from "../base/logger.js";

/** Where a sweep begins that goes through rows by their ids. */
export const FIRST_ID = "00000000-0000-0000-0000-000000000000";

/** Times in ms. */
export interface SweepSettings {
  breaker: BreakerLimits;
  /** Sweeps that only record what they would do. */
  dryRun: readonly string[];
  /** Sweeps that don't run at all. */
  paused: readonly string[];
  /** How old an unclaimed thing must be, by backend. */
  graceMs: Readonly<Record<string, number>>;
  /** How long a volume whose workspace has no row is only reported, whatever its age. */
  volumeGraceMs: number;
  /** How long after its first sighting a thing is acted on at the earliest. */
  secondSightingMs: number;
  /** How long one look at a provider's instances may take. */
  probeTimeoutMs: number;
  /** How many restarts of one place one run begins. */
  restartsAtOnce: number;
  /** How long an agent may be silent. */
  silentMs: number;
  /** For how long after Berth itself was away no agent is judged. */
  listeningGraceMs: number;
  /** How long a workspace may take until it is online. */
  provisioningTimeoutMs: number;
  /** How long before a workspace expires that is announced. */
  expiryNoticeMs: number;
  keepDays: { operations: number; events: number; audit: number; ledger: number };
}

/** What every sweep may use: what the lifecycle needs to work under a held gate, and its own settings. */
export interface SweepDeps extends HealOptions, RequestContext {
  /** How long what failed is left alone. */
  retry: RetryPolicy;
  random: () => number;
  settings: SweepSettings;
  logger: Logger;
  signal: AbortSignal;
}

/** One thing that a sweep would do. */
export interface Action {
  /** The same in each run for the same act on the same thing: an approval names it. */
  key: string;
  what: string;
  why: string;
  /** Changes nothing that lives: it doesn't count for the breaker. */
  harmless?: boolean;
  /**
   * The provider has said it of the very thing that the ledger names, not by leaving it out of a list: no wrong picture,
   * however many they are. It doesn't count for the breaker either.
   */
  sure?: boolean;
  /** @returns a word for the outcome, which the run's counts add up. */
  run(signal: AbortSignal): Promise<string>;
}

export interface Plan {
  /** How many things were compared: what the breaker's share is of. */
  lookedAt: number;
  /** Those tried longest ago first. */
  actions: Action[];
  /** Where the next run goes on; absent: from the beginning. */
  cursor?: string | null;
  /** Further figures of this run. */
  notes?: Record<string, number>;
  /**
   * Notes what was seen, before anything is done and whatever the breaker holds, whose keys it is given (I13). A dry run
   * leaves it out.
   */
  record?(held: ReadonlySet<string>): Promise<void>;
}

/** A repeatable job that compares what should be with what is, and acts on the difference. */
export interface Sweep extends Omit<SweepRules, "everyMs"> {
  readonly name: SweepName;
  /** Looks, and changes nothing. `sinceLastEndMs`: how long no run of it has ended; null if none ever did. */
  plan(deps: SweepDeps, cursor: string | null, sinceLastEndMs: number | null): Promise<Plan>;
}

/** The work of a sweep, with the rules that the domain's table has for it. */
export function defineSweep(name: SweepName, { plan }: Pick<Sweep, "plan">): Sweep {
  const { limit, runLimitMs, breaker, perPlace } = SWEEP_RULES[name];
  return { name, limit, runLimitMs, breaker, perPlace, plan };
}
