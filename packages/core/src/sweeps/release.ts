import { untilAny } from "../base/deadline.js";
import { openResources, recordReleaseFailure } from "../db/resources.js";
import { retryDelay, type RetryPolicy } from "../domain/backoff.js";
import { heldContext, type HeldOptions } from "../operations/held.js";
import type { LeaseKeeper } from "../gate/lease.js";
import { judge } from "../gate/verdict.js";
import type { HeldContext } from "../operations/step.js";
import { removeName, removeVolume, stopInstance } from "../operations/stop.js";

export interface ReleaseOptions extends HeldOptions {
  leases: LeaseKeeper;
  retry: RetryPolicy;
  random: () => number;
}

/** `busy`: an operation or another worker is at it, and will see to it or leave it for the next run. */
export type Released = "released" | "busy" | "failed";

/**
 * Drives on what an ended operation left to be released: an instance that couldn't be stopped, the volume
 * and the name after it. Holds the workspace's gate meanwhile, so that no operation overlaps (I1).
 */
export async function releaseIdle(
  options: ReleaseOptions,
  workspace: { id: string; backend: string },
  stop: AbortSignal,
): Promise<Released> {
  const held = await options.gate.holdIdle(workspace.id);
  if (held === null) return "busy";
  const lease = options.leases.keep(held.hold, held.claimedAt);
  try {
    return await untilAny([lease.signal, stop], (signal) => {
      const context = heldContext(options, {
        workspaceId: workspace.id,
        backend: workspace.backend,
        hold: held.hold,
        lease,
        signal,
      });
      return release(options, context, stop);
    });
  } finally {
    lease.drop();
    // If it can't be given back it runs out, and the dispatch sweep wakes what waits.
    await options.gate.letGo(held.hold).catch(() => undefined);
  }
}

async function release(options: ReleaseOptions, context: HeldContext, stop: AbortSignal): Promise<Released> {
  try {
    const rows = await openResources(context.db, context.workspaceId);
    // A restart that failed left its instance to go, and its volume to stay.
    if (rows.some((row) => row.kind === "instance" && row.state === "releasing"))
      await stopInstance.run(context);
    await removeVolume.run(context);
    await removeName.run(context);
    return "released";
  } catch (thrown) {
    const verdict = judge(thrown, context.signal);
    if (stop.aborted || verdict.kind !== "failed") return "busy";
    for (const row of await openResources(context.db, context.workspaceId)) {
      if (row.state !== "releasing") continue;
      const delayMs = retryDelay(options.retry, row.attempts + 1, options.random());
      await context.fenced((tx) => recordReleaseFailure(tx, row.id, verdict.error, delayMs));
    }
    return "failed";
  }
}
