/**
 * Runs `work` with a signal that aborts with any of `signals`, and after `ms` with a `TimeoutError`.
 *
 * `AbortSignal.any([…, AbortSignal.timeout(ms)])` would be the same, but for this: nothing holds a timeout's signal that
 * only another signal was made of, so once it is garbage-collected it never aborts
 * (https://github.com/nodejs/node/issues/57736, and seen with Node 20.20). This one is held by its timer.
 */
export async function withDeadline<T>(
  ms: number,
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new DOMException(`not done within ${ms} ms`, "TimeoutError")),
    ms,
  );
  try {
    return await work(AbortSignal.any([...signals, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}
