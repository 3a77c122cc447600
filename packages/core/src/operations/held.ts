import { BackendError, type Backend } from "../compute/backend.js";
import type { Hold } from "../db/gates.js";
import type { Pool } from "../db/pool.js";
import type { Gate } from "../gate/gate.js";
import type { HeldLease } from "../gate/lease.js";
import type { HeldContext, LifecycleLimits } from "./step.js";

export interface HeldOptions {
  pool: Pool;
  gate: Gate;
  /** Those that this worker serves. */
  backends: ReadonlyMap<string, Backend>;
  limits: LifecycleLimits;
}

/**
 * What may be used under a held gate, outside of any operation.
 * @throws BackendError if this worker doesn't serve the backend.
 */
export function heldContext(
  options: HeldOptions,
  held: { workspaceId: string; backend: string; hold: Hold; lease: HeldLease; signal: AbortSignal },
): HeldContext {
  const backend = options.backends.get(held.backend);
  if (backend === undefined)
    throw new BackendError(
      "backend_unreachable",
      "transient",
      `this worker doesn't serve backend "${held.backend}": add it to BERTH_BACKENDS of every worker`,
    );
  return {
    operationId: null,
    workspaceId: held.workspaceId,
    backend,
    db: options.pool,
    limits: options.limits,
    signal: held.signal,
    priority: "reconcile",
    check() {
      held.lease.check();
      held.signal.throwIfAborted();
    },
    fenced: (work) => options.gate.fenced(held.hold, work),
  };
}
