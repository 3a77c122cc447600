import { BerthError } from "../base/errors.js";
import { leavers, mustLeave, withoutRoom, type Leaver } from "../db/drains.js";
import { insertEvents } from "../db/events.js";
import { instanceRef } from "../db/refs.js";
import { movePlace } from "../db/lost-places.js";
import { unfinishedOf } from "../db/operations.js";
import type { Tx } from "../db/pool.js";
import { markReleasing, workspacesWithOpenResources } from "../db/resources.js";
import { changeStatuses, getWorkspace, revokeToken, type Workspace } from "../db/workspaces.js";
import { newEvent } from "../domain/events.js";
import { SHOULD_RUN } from "../domain/status.js";
import { whileIdle } from "../operations/idle.js";
import { callOf, requireHere, type HeldContext } from "../operations/step.js";
import { removeName, removeVolume, stopInstance } from "../operations/stop.js";
import { requestedEvent } from "../requests/accept.js";
import { enqueue } from "../requests/enqueue.js";
import { choosePlace } from "../requests/placement.js";
import { defineSweep, FIRST_ID, type Sweep, type SweepDeps } from "./sweep.js";

/** When one that was stopped is started again where it was, if no run of this sweep has gone on with it. */
const LEFT_ALONE_MS = 60_000;

/**
 * Takes what may leave a place that is drained, or that has had no room for it, to another one: stops it, removes its volume, and starts it there, if it ran. Only
 * what another place takes is touched. All of it while its gate is held (I1), and its place changes only when the ledger has
 * nothing of it any more (I8): whoever asks for something meanwhile, or goes on after a crash, finds it all in one place.
 */
export const drain: Sweep = defineSweep("drain", {
  async plan(deps, cursor) {
    const places = [...deps.backends.keys()];
    const found = await leavers(deps.pool, places, cursor ?? FIRST_ID, drain.limit);
    const crowded = (await withoutRoom(deps.pool, places, drain.limit)).filter(
      (one) => !found.some(({ id }) => id === one.id),
    );
    return {
      lookedAt: found.length + crowded.length,
      // Those that no place takes keep none behind them waiting.
      cursor: found.length < drain.limit ? null : found.at(-1)!.id,
      actions: [...found, ...crowded].map((one) => ({
        key: one.id,
        what: `take workspace ${one.id} elsewhere`,
        why: `place ${one.place} ${crowded.includes(one) ? "has no room for it" : "is drained"}`,
        run: (stop) => leave(deps, one, stop),
      })),
    };
  },
});

/** `no_place`: none takes it now. `changed`: it may not leave any more. `busy`: something else is wanted of it. */
type Left = "moved" | "no_place" | "changed" | "busy";

async function leave(deps: SweepDeps, one: Leaver, stop: AbortSignal): Promise<Left> {
  const left = await whileIdle(deps, one, stop, async (context) => {
    const leaving = await context.fenced((tx) => mayLeave(tx, one));
    if ("stays" in leaving) return leaving.stays;
    await askToStop(context);
    await context.fenced((tx) => announce(tx, one, leaving.why));
    await stopInstance.run(context);
    await context.fenced((tx) => giveUpData(tx, one));
    await removeVolume.run(context);
    await removeName.run(context);
    return context.fenced((tx) => settleElsewhere(deps, tx, one));
  });
  return left ?? "busy";
}

/** @returns why it is to leave, or that it stays as it is: where no other place would have it */
async function mayLeave(tx: Tx, one: Leaver): Promise<{ why: string } | { stays: Exclude<Left, "moved"> }> {
  const must = await mustLeave(tx, one);
  if (must === null) return { stays: "changed" };
  if ((await unfinishedOf(tx, [one.id])).length > 0) return { stays: "busy" };
  const workspace = (await getWorkspace(tx, one.id))!;
  return (await placeFor(tx, workspace)) === null ? { stays: "no_place" } : must;
}

/** Where its provider doesn't take that, nothing has been said or written, and what runs is as it was (I14). */
async function askToStop(context: HeldContext): Promise<void> {
  const rows = await context.ledger.open();
  const row = rows.find(({ kind, state }) => kind === "instance" && state === "present");
  if (row !== undefined) await context.backend.stop(instanceRef(requireHere(context, row)), callOf(context));
}

/** Takes it offline: nothing of it runs here any more, whatever is wanted of it meanwhile. */
async function announce(tx: Tx, one: Leaver, reason: string): Promise<void> {
  const { id, status: from, instance_id, generation } = (await getWorkspace(tx, one.id))!;
  if (!SHOULD_RUN.includes(from)) return;
  await revokeToken(tx, id);
  await changeStatuses(tx, [{ id, status: "offline", reason, restart_in_ms: LEFT_ALONE_MS }]);
  if (from !== "offline")
    await insertEvents(tx, [
      newEvent("workspace.offline", id, {
        reason: "drained",
        from,
        instance_id,
        generation,
        requested_by: drain.name,
      }),
    ]);
}

/** Its volume is to go, unless somebody has changed his mind about that meanwhile. */
async function giveUpData(tx: Tx, one: Leaver): Promise<void> {
  if ((await mustLeave(tx, one)) !== null) await markReleasing(tx, [one.id]);
}

/** It goes elsewhere, if it still may and some place still takes it; and starts, there or here. */
async function settleElsewhere(deps: SweepDeps, tx: Tx, one: Leaver): Promise<Left> {
  // What somebody has wanted meanwhile waits for the gate, and for this place.
  if ((await unfinishedOf(tx, [one.id])).length > 0) return "busy";
  const must = await mustLeave(tx, one);
  const workspace = (await getWorkspace(tx, one.id))!;
  const here = (await workspacesWithOpenResources(tx, [one.id])).length > 0;
  const place = must === null || here ? null : await placeFor(tx, workspace);
  if (must !== null && place !== null) {
    await movePlace(tx, one.id, place);
    await insertEvents(tx, [
      newEvent("workspace.moved", one.id, {
        place,
        from_place: one.place,
        why: must.why,
        requested_by: must.drainedBy ?? drain.name,
      }),
    ]);
  }
  // One that has failed for a cause of its own is nobody's to start.
  const crowdedOut = must?.drainedBy === null && place !== null;
  if (workspace.status === "offline" || (workspace.status === "failed" && crowdedOut))
    await start(deps, tx, workspace);
  return must === null || here ? "changed" : place === null ? "no_place" : "moved";
}

/** Where its parent is, if that isn't drained, has room, and it has no `place_labels`; else as these say; null: nowhere. */
async function placeFor(tx: Tx, workspace: Workspace): Promise<string | null> {
  const { backend, place_labels, parent_id, place: except } = workspace;
  const parent = parent_id === null ? null : await getWorkspace(tx, parent_id);
  const free = Object.keys(place_labels).length === 0;
  const beside = free && parent !== null && parent.status !== "removed" && parent.place !== workspace.place;
  const home = beside ? await placeOrNull(tx, { backend, except }, parent) : null;
  return home ?? (await placeOrNull(tx, { backend, place_labels, except }, null));
}

async function placeOrNull(...[tx, wish, parent]: Parameters<typeof choosePlace>): Promise<string | null> {
  try {
    return await choosePlace(tx, wish, parent);
  } catch (error) {
    if (error instanceof BerthError && error.code === "no_place") return null;
    throw error;
  }
}

async function start(
  deps: SweepDeps,
  tx: Tx,
  { id, status, generation, status_reason: reason }: Workspace,
): Promise<void> {
  const requester = { source: "reconciler", requestedBy: drain.name } as const;
  const operation = await enqueue(tx, deps, id, "restart", requester);
  // No try of its own is due any more.
  if (status === "offline") await changeStatuses(tx, [{ id, status, reason }]);
  await insertEvents(tx, [requestedEvent(operation, requester, { reason: "moved", generation })]);
}
