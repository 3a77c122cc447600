import { setInterval, clearInterval } from "node:timers";
import { systemClock, type Clock } from "../base/clock.js";
import type { Hold } from "../db/gates.js";
import { CancelledError, LeaseLostError } from "./verdict.js";

/** A hold with its lease kept alive. */
export interface HeldLease {
  /** Aborts when the lease is lost. */
  readonly signal: AbortSignal;
  /** Aborts with a CancelledError when someone, or a delete, wants the operation out of the way. */
  readonly unwanted: AbortSignal;
  /**
   * Called before each act on a provider, and at each safe point.
   * @throws LeaseLostError if the lease may have run out by this process's own clock (it may have been
   * stopped for a while); CancelledError if someone, or a delete, wants the operation out of the way.
   */
  check(): void;
  /** Stops renewing it. */
  drop(): void;
}

/** Keeps the leases of what is told from others by `operationId`: an operation, or a sweep's run. */
export interface LeaseKeeper<Held extends Pick<Hold, "operationId"> = Hold> {
  /** `claimedAt` is this process's clock before the claim was asked for: the lease can't be younger than that. */
  keep(hold: Held, claimedAt: number): HeldLease;
  close(): void;
}

/** Those that are still held, and what is wanted of them. */
type Renew<Held> = (holds: readonly Held[]) => Promise<{ operation_id: string; cancel_requested: boolean }[]>;

interface Kept<Held> {
  hold: Held;
  abort: AbortController;
  unwanted: AbortController;
  /** By this process's clock; taken before the statement that renewed it, so never later than the truth. */
  until: number;
}

/**
 * A cancellation is heard of with the renewals: a delete shall end the pull of an image at once, however long the
 * leases are.
 */
const LONGEST_BEAT_MS = 1_000;

/** Renews all leases of this process every third of their length, and at least each second, in one statement. */
export function createLeaseKeeper<Held extends Pick<Hold, "operationId"> = Hold>(options: {
  renew: Renew<Held>;
  leaseMs: number;
  onError: (error: unknown) => void;
  clock?: Clock;
}): LeaseKeeper<Held> {
  const { clock = systemClock } = options;
  const kept = new Map<string, Kept<Held>>();
  let renewing = false;

  const expire = (lease: Kept<Held>): void => {
    if (clock.monotonic() > lease.until) lease.abort.abort(new LeaseLostError("the lease ran out"));
  };
  const renewAll = async (): Promise<void> => {
    for (const lease of kept.values()) expire(lease);
    const leases = [...kept.values()].filter((lease) => !lease.abort.signal.aborted);
    if (renewing || leases.length === 0) return;
    renewing = true;
    try {
      const before = clock.monotonic();
      const renewed = await options.renew(leases.map((lease) => lease.hold));
      const answers = new Map(renewed.map((row) => [row.operation_id, row]));
      for (const lease of leases) {
        const answer = answers.get(lease.hold.operationId);
        if (answer === undefined) lease.abort.abort(new LeaseLostError("it is held by another worker"));
        else if (answer.cancel_requested)
          lease.unwanted.abort(new CancelledError("its cancellation was asked for"));
        if (answer !== undefined) lease.until = before + options.leaseMs;
      }
    } catch (error) {
      options.onError(error);
    } finally {
      renewing = false;
    }
  };
  const timer = setInterval(() => void renewAll(), Math.min(options.leaseMs / 3, LONGEST_BEAT_MS));

  return {
    keep(hold, claimedAt) {
      const lease: Kept<Held> = {
        hold,
        abort: new AbortController(),
        unwanted: new AbortController(),
        until: claimedAt + options.leaseMs,
      };
      // Claimed again by this very process: the attempt before has lost it, and may not have noticed yet.
      kept.get(hold.operationId)?.abort.abort(new LeaseLostError("the operation was claimed again"));
      kept.set(hold.operationId, lease);
      return {
        signal: lease.abort.signal,
        unwanted: lease.unwanted.signal,
        check() {
          expire(lease);
          lease.abort.signal.throwIfAborted();
          lease.unwanted.signal.throwIfAborted();
        },
        drop: () => {
          if (kept.get(hold.operationId) === lease) kept.delete(hold.operationId);
        },
      };
    },
    close: () => clearInterval(timer),
  };
}
