import { untilAny } from "../base/deadline.js";
import type { LeaseKeeper } from "../gate/lease.js";
import { heldContext, type HeldOptions } from "./held.js";
import type { HeldContext } from "./step.js";

export interface IdleOptions extends HeldOptions {
  leases: LeaseKeeper;
}

/** Runs `work` while the gate of a workspace with nothing to do is held. Null if it couldn't be had. */
export async function whileIdle<T>(
  options: IdleOptions,
  workspace: { id: string; place: string },
  stop: AbortSignal,
  work: (context: HeldContext) => Promise<T>,
): Promise<T | null> {
  const held = await options.gate.holdIdle(workspace.id);
  if (held === null) return null;
  const lease = options.leases.keep(held.hold, held.claimedAt);
  try {
    return await untilAny([lease.signal, stop], (signal) =>
      work(
        heldContext(options, {
          workspaceId: workspace.id,
          place: workspace.place,
          hold: held.hold,
          lease,
          signal,
        }),
      ),
    );
  } finally {
    lease.drop();
    // If it can't be given back it runs out, and the dispatch sweep wakes what waits.
    await options.gate.letGo(held.hold).catch(() => undefined);
  }
}
