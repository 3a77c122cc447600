import { until, type Pace } from "../base/until.js";
import { BackendError } from "./backend-error.js";

/**
 * {@link until}, within a backend's call: before each look and between two of them it ends when the caller gives up.
 * @returns null when the time is over
 * @throws BackendError `aborted`, and what `look` throws
 */
export async function poll<T>(
  how: Pace & { limitMs: number; signal: AbortSignal },
  look: () => Promise<T | null>,
): Promise<T | null> {
  const givenUp = (): BackendError => new BackendError("aborted", "transient", "given up");
  try {
    return await until(how, () => {
      if (how.signal.aborted) throw givenUp();
      return look();
    });
  } catch (error) {
    throw how.signal.aborted && error === how.signal.reason ? givenUp() : error;
  }
}
