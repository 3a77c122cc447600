import { BackendError } from "../compute/backend-error.js";
import type { OperationError } from "../db/operations.js";
import { isDatabaseUnavailable } from "../db/pool.js";

/** The gate is no longer held: another worker goes on, and this one may record nothing more (I1, I9). */
export class LeaseLostError extends Error {
  override name = "LeaseLostError";
}

/** Someone cancelled this operation, or a delete wants it out of its way: it stops at this safe point (I2). */
export class CancelledError extends Error {
  override name = "CancelledError";
}

/** This process is to end: the work goes back, and no attempt is spent. */
export class ShutdownError extends Error {
  override name = "ShutdownError";
}

/** One attempt took longer than its limit. */
export class AttemptTimeoutError extends Error {
  override name = "AttemptTimeoutError";
}

/** The provider takes its time. The slot is given back, and the same attempt goes on at the next look (I15). */
export class WaitingError extends Error {
  override name = "WaitingError";
  /** Time is counted for each of these by itself. */
  readonly waitsFor: string;
  readonly nextLookMs: number;

  constructor(waitsFor: string, nextLookMs: number) {
    super(`waits for its provider: ${waitsFor}`);
    this.waitsFor = waitsFor;
    this.nextLookMs = nextLookMs;
  }
}

/** How an attempt that didn't succeed is to be taken. */
export type Verdict =
  | { kind: "lost" | "cancelled" | "handed_back" }
  | { kind: "waiting"; waitsFor: string; delayMs: number }
  | {
      kind: "failed";
      permanent: boolean;
      /** True if the cause may end without any change of what was asked (I14). */
      passing: boolean;
      error: OperationError;
    };

/** Sorts what an attempt threw. A signal's reason counts for more than the error that it caused. */
export function judge(thrown: unknown, signal: AbortSignal): Verdict {
  const error = signal.aborted && signal.reason instanceof Error ? signal.reason : thrown;
  if (error instanceof LeaseLostError) return { kind: "lost" };
  if (error instanceof CancelledError) return { kind: "cancelled" };
  if (error instanceof ShutdownError) return { kind: "handed_back" };
  if (error instanceof WaitingError)
    return { kind: "waiting", waitsFor: error.waitsFor, delayMs: error.nextLookMs };
  // Another worker may reach the place, or this one later: no try was made there (I12).
  if (error instanceof BackendError && error.code === "wrong_place") return { kind: "handed_back" };
  if (error instanceof BackendError)
    return {
      kind: "failed",
      permanent: error.kind === "permanent",
      passing: error.passing,
      error: {
        code: error.code,
        message: error.message,
        provider_code: error.providerCode,
        retryable: error.passing,
      },
    };
  if (error instanceof AttemptTimeoutError)
    return {
      kind: "failed",
      permanent: false,
      passing: true,
      error: { code: "attempt_timeout", message: error.message, provider_code: null, retryable: true },
    };
  if (isDatabaseUnavailable(error)) return { kind: "handed_back" };
  // A fault of ours: tried again like a provider's. Callers read this; the log tells operators all of it.
  const name = error instanceof Error ? error.name : typeof error;
  const message = `Berth itself failed (${name}): the worker's log has the cause under this operation's id`;
  return {
    kind: "failed",
    permanent: false,
    passing: true,
    error: { code: "internal", message, provider_code: null, retryable: true },
  };
}
