/** A signal for one piece of work. */
export interface Limit {
  signal: AbortSignal;
  /** True once the time was up. */
  late(): boolean;
  /** The time doesn't count any more. */
  untime(): void;
  /** The work is done. */
  end(): void;
}

/**
 * A signal that aborts with another one, and after `ms`. Not `AbortSignal.any` with `AbortSignal.timeout`: the one keeps
 * what it made as long as its sources live, the other may be garbage-collected before it comes (Node 20.20).
 */
export function limit(source: AbortSignal | undefined, ms: number): Limit {
  const controller = new AbortController();
  let late = false;
  const leave = (): void => controller.abort(source!.reason);
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, ms);
  source?.addEventListener("abort", leave, { once: true });
  if (source?.aborted === true) leave();
  return {
    signal: controller.signal,
    late: () => late,
    untime: () => clearTimeout(timer),
    end() {
      clearTimeout(timer);
      source?.removeEventListener("abort", leave);
    },
  };
}
