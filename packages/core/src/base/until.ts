import { setTimeout as delay } from "node:timers/promises";
import { defined } from "./defined.js";

/** How often to look, in ms: at first every `firstMs`, then half as often each time, at last every `longestMs`. */
export interface Pace {
  firstMs: number;
  longestMs: number;
}

/**
 * Looks again and again until there is an answer, or for `limitMs`. The last look is made when the time is over,
 * so one look that takes long is never the only one.
 * @returns null when the time is over
 * @throws the reason of `signal` if it aborts between two looks; what `look` throws
 */
export async function until<T>(
  { limitMs, firstMs, longestMs, signal }: Pace & { limitMs: number; signal?: AbortSignal | undefined },
  look: () => Promise<T | null>,
): Promise<T | null> {
  const end = performance.now() + limitMs;
  for (let pause = firstMs; ; pause = Math.min(pause * 2, longestMs)) {
    const isLast = performance.now() >= end;
    const answer = await look();
    if (answer !== null) return answer;
    if (isLast) return null;
    const rest = Math.max(0, end - performance.now());
    await delay(Math.min(pause, rest), undefined, defined({ signal })).catch((error: unknown) => {
      throw signal?.aborted === true ? signal.reason : error;
    });
  }
}
