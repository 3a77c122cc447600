import { setTimeout as delay } from "node:timers/promises";
import { unlessAborted } from "../../base/deadline.js";
import type { Pace } from "../../base/until.js";
import type { CallOptions } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { poll } from "../poll.js";

/** Waits. @throws BackendError `aborted` */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    throw new BackendError("aborted", "transient", "given up");
  }
}

/** How often to look at EC2, in ms. */
const PACE: Pace = { firstMs: 25, longestMs: 2_000 };

/** Looks at EC2 until there is an answer, or for `limitMs`. See {@link poll}. */
export function pollEc2<T>(
  limitMs: number,
  signal: AbortSignal,
  look: () => Promise<T | null>,
): Promise<T | null> {
  return poll({ limitMs, signal, ...PACE }, look);
}

/** Who gives up stops waiting; what was asked goes on for the others. @throws BackendError `aborted`, or what `ask` throws */
export async function patiently<T>(ask: () => Promise<T>, { signal }: CallOptions): Promise<T> {
  try {
    signal.throwIfAborted();
    return await unlessAborted(signal, ask());
  } catch (error) {
    throw signal.aborted ? new BackendError("aborted", "transient", "the look-up was given up") : error;
  }
}
