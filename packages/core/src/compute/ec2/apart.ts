import { BackendError, type BackendErrorCode } from "../backend-error.js";

/** Failures that are about the caller or the way to AWS; any other may be about one of many things. */
const ABOUT_ALL = new Set<BackendErrorCode>([
  "throttled",
  "backend_unreachable",
  "backend_timeout",
  "aborted",
  "credentials",
]);
/** So many refusals in a row, without an answer for any part, aren't about one of 200. */
const MAX_IN_VAIN = 10;

/**
 * Asks for many in one call. One that AWS stumbles over mustn't fail the others: if the call fails, each half is asked
 * for by itself, and so on, until what is at fault stands alone.
 * @param ask `again`: it is a part of what has failed just now, tried hard already
 */
export async function askApart<Key, Answer>(
  keys: readonly Key[],
  ask: (part: readonly Key[], again: boolean) => Promise<(key: Key) => Answer>,
): Promise<PromiseSettledResult<Answer>[]> {
  const settled = new Map<Key, PromiseSettledResult<Answer>>();
  let answered = false;
  let inVain = 0;
  const settle = async (part: readonly Key[], again: boolean): Promise<void> => {
    try {
      const answerTo = await ask(part, again);
      answered = true;
      for (const key of part) settled.set(key, { status: "fulfilled", value: answerTo(key) });
    } catch (reason) {
      inVain++;
      if (part.length > 1 && mayBeAboutOne(reason) && (answered || inVain < MAX_IN_VAIN)) {
        const half = Math.ceil(part.length / 2);
        await settle(part.slice(0, half), true);
        return settle(part.slice(half), true);
      }
      for (const key of part) settled.set(key, { status: "rejected", reason });
    }
  };
  await settle([...new Set(keys)], false);
  return keys.map((key) => settled.get(key)!);
}

function mayBeAboutOne(error: unknown): boolean {
  return error instanceof BackendError && !ABOUT_ALL.has(error.code);
}
