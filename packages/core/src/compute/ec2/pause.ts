import { setTimeout as delay } from "node:timers/promises";
import { unlessAborted } from "../../base/deadline.js";
import { BackendError, type CallOptions } from "../backend.js";

/** Waits. @throws BackendError `aborted` */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    throw new BackendError("aborted", "transient", "given up");
  }
}

/**
 * Looks again and again, at growing intervals, until there is an answer or the time is over.
 * @returns null when the time is over
 */
export async function poll<T>(
  limitMs: number,
  signal: AbortSignal,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const deadline = performance.now() + limitMs;
  for (let ms = 25; ; ms = Math.min(ms * 2, 2_000)) {
    const answer = await look();
    if (answer !== null) return answer;
    const rest = deadline - performance.now();
    if (rest <= 0) return null;
    await pause(Math.min(ms, rest), signal);
  }
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
