import { insertEvents } from "../db/events.js";
import { lockGates, passGates } from "../db/gates.js";
import {
  endLostOperations,
  endLostThings,
  leftInLost,
  lostVolumeOf,
  markLost,
  movePlace,
  releaseLostSightings,
} from "../db/lost-places.js";
import { unfinishedOf } from "../db/operations.js";
import { getPlace, type Place } from "../db/places.js";
import { transaction, type Pool, type Tx } from "../db/pool.js";
import { tellFinished } from "../db/words.js";
import { changeStatuses, getWorkspaces, type Workspace } from "../db/workspaces.js";
import { BerthError } from "../base/errors.js";
import { newEvent, type NewEvent } from "../domain/events.js";
import { lostSentence, type LostWord } from "../domain/place.js";
import { AT_REST } from "../domain/status.js";
import { failed, succeeded } from "../gate/endings.js";
import { acceptIdempotently, type Asker } from "./idempotency.js";
import { lockForChange } from "./places.js";
import { choosePlace } from "./placement.js";

/** So many workspaces are ended in one transaction. */
const BATCH = 200;

/**
 * An operator says that a place is gone for good: what the ledger has there ends as lost, with who said so and why;
 * operations there end, deletes as succeeded; and its workspaces may be started elsewhere without their volume. It can't
 * be taken back. What this call doesn't get to, should its process die, the sweep `dispatch` does.
 * @throws BerthError `place_not_found`, `place_lost`, `precondition_failed`
 */
export async function losePlace(
  pool: Pool,
  name: string,
  why: string,
  asker: Asker & { ifVersion?: number },
): Promise<Place> {
  const word = { by: asker.requestedBy, why };
  const place = await acceptIdempotently(pool, null, asker, async (tx) => {
    const { backend } = await lockForChange(tx, name, asker);
    await markLost(tx, name, word);
    await releaseLostSightings(tx, name, word);
    await insertEvents(tx, [
      newEvent("place.lost", null, { place: name, backend, why, requested_by: word.by }),
    ]);
    return (await getPlace(tx, name))!;
  });
  while ((await endSomeLost(pool, name, word)) > 0);
  return place;
}

/** Ends what a lost place had, for some of its workspaces. @returns of how many */
export async function endSomeLost(pool: Pool, place: string, word: LostWord): Promise<number> {
  return transaction(pool, async (tx) => {
    const found = await leftInLost(tx, place, BATCH);
    await lockGates(tx, found);
    // Another call, or the sweep, may have ended them while this one waited for their gates.
    const left = new Set(await leftInLost(tx, place, BATCH));
    const ids = found.filter((id) => left.has(id));
    if (ids.length > 0) await endLost(tx, place, ids, word);
    return found.length;
  });
}

/** The caller has locked their gates. */
async function endLost(tx: Tx, place: string, ids: readonly string[], word: LostWord): Promise<void> {
  const message = lostSentence(place, word);
  const things = await endLostThings(tx, place, ids, word);
  const workspaces = new Map((await getWorkspaces(tx, ids)).map((one) => [one.id, one]));
  const operations = (await unfinishedOf(tx, ids)).filter((one) => one.place === place);
  const error = { code: "place_lost", message, provider_code: null, retryable: false };
  const events: NewEvent[] = [];
  for (const operation of operations) {
    const workspace = workspaces.get(operation.workspace_id)!;
    const gone = { phase: operation.phase ?? "start", error, owed: [], passing: false, kept: false };
    events.push(
      ...(operation.kind === "delete"
        ? succeeded(operation, workspace)
        : failed(operation, workspace, { ...gone, restartInMs: 0 })
      ).events.filter(({ event_type: type }) => type !== "workspace.failed"),
    );
  }
  await endLostOperations(
    tx,
    operations.map(({ id, kind }) =>
      kind === "delete" ? { id, state: "succeeded", error: null } : { id, state: "failed", error },
    ),
  );
  // Their fences move on: a worker that still runs something there can record nothing more.
  await passGates(tx, ids);
  tellFinished(
    tx,
    operations.map(({ id }) => id),
  );
  const here = [...workspaces.values()].filter((one) => one.place === place);
  const ended = here.filter(({ status }) => !AT_REST.includes(status));
  await changeStatuses(
    tx,
    ended.map(({ id }) => ({ id, status: "failed", reason: `place_lost: ${message}` })),
  );
  for (const workspace of here) {
    const { id } = workspace;
    const lost = things.filter((one) => one.workspace_id === id).map(({ kind }) => kind);
    events.push(newEvent("workspace.place_lost", id, { place, lost, why: word.why, requested_by: word.by }));
    if (ended.includes(workspace))
      events.push(newEvent("workspace.failed", id, { reason: "place_lost", message, requested_by: word.by }));
  }
  await insertEvents(tx, events);
}

/**
 * A workspace whose place was given up is to run again: it gets another one, by its `place_labels`. The caller has
 * locked its gate, and nothing of it is unfinished.
 * @throws BerthError `place_lost` if it had a volume there and no new one was asked for; `no_place`
 */
export async function leaveLostPlace(
  tx: Tx,
  workspace: Workspace,
  { newVolume = false }: { newVolume?: boolean },
): Promise<void> {
  // While it runs, or is to, its place isn't lost: that ends all that is there.
  if (workspace.status !== "failed" && !AT_REST.includes(workspace.status)) return;
  const place = await getPlace(tx, workspace.place);
  if (place === null || place.lost_at === null) return;
  if (!newVolume && (await lostVolumeOf(tx, workspace.id)))
    throw new BerthError(
      "place_lost",
      `place ${place.name} was given up by ${place.lost_by} (${place.lost_reason}), and the workspace's volume with it: ` +
        `ask with ?new_volume=true to start it in another place with an empty one`,
      { place: place.name },
    );
  const { backend, place_labels } = workspace;
  workspace.place = await choosePlace(tx, { backend, place_labels }, null);
  await movePlace(tx, workspace.id, workspace.place);
}
