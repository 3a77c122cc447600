import type { Backend } from "../compute/backend.js";
import { BackendError } from "../compute/backend-error.js";
import type { Hold } from "../db/gates.js";
import type { WithCommit } from "../db/sent.js";
import type { Pool, Tx } from "../db/pool.js";
import type { Gate } from "../gate/gate.js";
import type { HeldLease } from "../gate/lease.js";
import { unkeptLedger } from "./held-ledger.js";
import type { HeldContext, LifecycleLimits } from "./step.js";

export interface HeldOptions {
  pool: Pool;
  gate: Gate;
  /** Those that this worker serves, by the name of their place. */
  backends: ReadonlyMap<string, Backend>;
  limits: LifecycleLimits;
}

/**
 * What may be used under a held gate, outside of any operation.
 * Where this worker doesn't serve the place, its `backend` throws `wrong_place`, and all else may be done.
 */
export function heldContext(
  options: HeldOptions,
  held: { workspaceId: string; place: string; hold: Hold; lease: HeldLease; signal: AbortSignal },
): HeldContext {
  return {
    operationId: null,
    workspaceId: held.workspaceId,
    place: held.place,
    get backend() {
      const backend = options.backends.get(held.place);
      if (backend !== undefined) return backend;
      throw new BackendError("wrong_place", "transient", `this worker doesn't serve place ${held.place}`);
    },
    db: options.pool,
    limits: options.limits,
    signal: held.signal,
    unwanted: held.lease.unwanted,
    priority: "reconcile",
    patience: null,
    check() {
      held.lease.check();
      held.signal.throwIfAborted();
    },
    ledger: unkeptLedger(options.pool, held.workspaceId),
    fenced: <T>(work: (tx: Tx) => Promise<T | WithCommit<T>>) => options.gate.fenced<T>(held.hold, work),
    later: async (write) => {
      await options.gate.fenced(held.hold, async (tx) => void (await write(tx)));
    },
    flush: () => Promise.resolve(),
  };
}
