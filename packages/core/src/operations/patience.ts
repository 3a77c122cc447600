import type { BackendError } from "../compute/backend-error.js";
import { until, type Pace } from "../base/until.js";
import { WaitingError } from "../gate/verdict.js";
import type { HeldContext } from "./step.js";

/** How an operation waits for its provider without the slot that it has (I15). */
export interface Patience {
  /** How long it may wait within its slot, in ms: most things are done in a moment. 0 when it has waited already. */
  heldMs: number;
  /** How long it has waited for this, in ms by the database's clock. */
  waitedMs(waitsFor: string): Promise<number>;
}

/** What is waited for. */
export interface Wait {
  /** In a word or two, for operators: `stop`, say. Time counts for each of these by itself. */
  waitsFor: string;
  /** All in all, in ms. */
  limitMs: number;
  /** What the attempt fails with when that is over. */
  timedOut(): BackendError;
}

/** Between two looks of an operation that has given back its slot, in ms: a quarter of its wait so far, within these. */
const LOOK_MS = { first: 1_000, longest: 5_000 };

/**
 * Looks until there is an answer: in the slot for a moment, and after that at each next look of the operation. A
 * sweep's work, which has no slot of an operation, waits for all of it.
 * @throws WaitingError; what `timedOut` gives; what `look` and `context.check` throw
 */
export async function awaitProvider<T>(
  context: HeldContext,
  wait: Wait & { pace: Pace },
  look: () => Promise<T | null>,
): Promise<T> {
  const limitMs = Math.min(wait.limitMs, context.patience?.heldMs ?? wait.limitMs);
  const answer = await until({ ...wait.pace, limitMs, signal: context.signal }, async () => {
    context.check();
    return look();
  });
  return answer ?? giveBackSlot(context, wait, limitMs);
}

/**
 * Waits on without a slot, unless the time is over.
 * @param heldMs how long it has waited just now
 * @throws WaitingError; what `timedOut` gives
 */
export async function giveBackSlot(
  { patience }: HeldContext,
  { waitsFor, limitMs, timedOut }: Wait,
  heldMs: number,
): Promise<never> {
  const waitedMs = Math.max(heldMs, (await patience?.waitedMs(waitsFor)) ?? limitMs);
  if (patience === null || waitedMs >= limitMs) throw timedOut();
  const nextMs = Math.min(Math.max(waitedMs / 4, LOOK_MS.first), LOOK_MS.longest);
  throw new WaitingError(waitsFor, Math.ceil(Math.min(nextMs, limitMs - waitedMs)));
}
