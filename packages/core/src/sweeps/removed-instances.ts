import { dueReleases, openResources, recordReleaseFailure } from "../db/resources.js";
import { insertEvents } from "../db/events.js";
import { stoppedHalfway } from "../db/auto-restarts.js";
import { changeStatuses } from "../db/workspaces.js";
import { newEvent } from "../domain/events.js";
import { retryDelay } from "../domain/backoff.js";
import { judge } from "../gate/verdict.js";
import { whileIdle } from "../operations/idle.js";
import type { HeldContext } from "../operations/step.js";
import { removeName, removeVolume, stopInstance } from "../operations/stop.js";
import { defineSweep, type Sweep, type SweepDeps } from "./sweep.js";

/**
 * Whatever a failed delete or restart left in the ledger is tried again until its provider says that it is
 * gone (I7). Those tried longest ago come first, so that one that never succeeds starves none.
 */
export const removedInstances: Sweep = defineSweep("removed-instances", {
  async plan(deps) {
    const due = await dueReleases(deps.pool, [...deps.backends.keys()], removedInstances.limit);
    return {
      lookedAt: due.length,
      actions: due.map((item) => ({
        key: item.workspace_id,
        what: `release what is left of workspace ${item.workspace_id}`,
        why: "an operation that ended could not prove it gone",
        run: (signal) => releaseIdle(deps, { id: item.workspace_id, place: item.place }, signal),
      })),
    };
  },
});

/** `busy`: an operation or another worker is at it, and will see to it or leave it for the next run. */
type Released = "released" | "busy" | "failed";

/**
 * Drives on what an ended operation left to be released: an instance that couldn't be stopped, the volume
 * and the name after it. Holds the workspace's gate meanwhile, so that no operation overlaps (I1).
 */
async function releaseIdle(
  deps: SweepDeps,
  workspace: { id: string; place: string },
  stop: AbortSignal,
): Promise<Released> {
  return (await whileIdle(deps, workspace, stop, (context) => release(deps, context, stop))) ?? "busy";
}

async function release(deps: SweepDeps, context: HeldContext, stop: AbortSignal): Promise<Released> {
  try {
    const rows = await openResources(context.db, context.workspaceId);
    // A restart that failed left its instance to go, and its volume to stay.
    if (rows.some((row) => row.kind === "instance" && row.state === "releasing"))
      await stopInstance.run(context);
    await finishSuspension(context);
    await removeVolume.run(context);
    await removeName.run(context);
    return "released";
  } catch (thrown) {
    const verdict = judge(thrown, context.signal);
    if (stop.aborted || verdict.kind !== "failed") return "busy";
    for (const row of await openResources(context.db, context.workspaceId)) {
      if (row.state !== "releasing") continue;
      const delayMs = retryDelay(deps.retry, row.attempts + 1, deps.random());
      await context.fenced((tx) => recordReleaseFailure(tx, row.id, verdict.error, delayMs));
    }
    return "failed";
  }
}

/** A pause or hibernate that couldn't prove its stop is carried on to its end (I14). */
async function finishSuspension(context: HeldContext): Promise<void> {
  await context.fenced(async (tx) => {
    const halfway = await stoppedHalfway(tx, context.workspaceId);
    if (halfway === null) return;
    const status = halfway.kind === "pause" ? "paused" : "hibernated";
    await changeStatuses(tx, [{ id: context.workspaceId, status, reason: null }]);
    await insertEvents(tx, [
      newEvent(`workspace.${status}`, context.workspaceId, {
        generation: halfway.generation,
        requested_by: "removed-instances",
      }),
    ]);
  });
}
