import { setMaxListeners } from "node:events";

/**
 * Runs `work` with a signal that aborts with any of `signals`, until it ends.
 *
 * Not `AbortSignal.any`: while one of its sources lives, each signal of it that was ever listened to stays in memory (about
 * 1 KiB each with Node 20.20), and a worker lives long. Here nothing is left once the work has ended.
 */
export async function untilAny<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const any = new AbortController();
  const links = signals.map((source) => {
    const abort = (): void => any.abort(source.reason);
    // As many may wait for one source as like: each leaves at its end.
    setMaxListeners(0, source);
    source.addEventListener("abort", abort, { once: true });
    if (source.aborted) abort();
    return () => source.removeEventListener("abort", abort);
  });
  try {
    return await work(any.signal);
  } finally {
    for (const unlink of links) unlink();
  }
}

/**
 * {@link untilAny}, for at most `ms`: then the signal aborts with a `TimeoutError`.
 *
 * Not `AbortSignal.timeout` inside `AbortSignal.any`: nothing holds such a timeout, so once it is garbage-collected it never
 * comes (https://github.com/nodejs/node/issues/57736, and seen with Node 20.20).
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
    return await untilAny([...signals, late.signal], work);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for `work`, but no longer than until `signal` aborts: who doesn't obey it is left to itself, and how that
 * ends is of no interest any more.
 * @throws the reason of `signal`
 */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/**
 * {@link withDeadline}, and {@link unlessAborted}: in any case over after `ms`.
 * @throws a `TimeoutError`, or the reason of one of `signals`
 */
export function within<T>(
  ms: number,
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withDeadline(ms, signals, (signal) => unlessAborted(signal, work(signal)));
}
