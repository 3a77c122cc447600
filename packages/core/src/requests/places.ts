import { BerthError } from "../base/errors.js";
import { drainProgress, markDraining, type DrainProgress } from "../db/drains.js";
import { insertEvents } from "../db/events.js";
import { lockPlacement } from "../db/placement.js";
import {
  confirmIdentity,
  getPlace,
  lockPlace,
  placeOfIdentity,
  updatePlace,
  type Place,
  type PlaceSettings,
} from "../db/places.js";
import type { Pool, Queryable, Tx } from "../db/pool.js";
import { lostSentence } from "../domain/place.js";
import { newEvent } from "../domain/events.js";
import { acceptIdempotently, type Asker } from "./idempotency.js";

/** @throws BerthError `place_not_found` */
export async function requirePlace(db: Queryable, name: string): Promise<Place> {
  const place = await getPlace(db, name);
  if (place !== null) return place;
  throw new BerthError("place_not_found", `there is no place ${JSON.stringify(name.slice(0, 64))}`, {
    place: name,
  });
}

/**
 * Changes what an operator says of a place: it counts for what is placed after the answer, and moves nothing by itself. Uncordoned,
 * it isn't drained any more.
 * @throws BerthError `place_not_found`, `place_lost`, `precondition_failed` if `ifVersion` is not its version.
 */
export async function patchPlace(
  pool: Pool,
  name: string,
  settings: PlaceSettings,
  asker: Asker & { ifVersion?: number },
): Promise<Place> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const place = await lockForChange(tx, name, asker);
    await updatePlace(tx, name, settings);
    const after = (await getPlace(tx, name))!;
    if (after.version !== place.version)
      await insertEvents(tx, [
        newEvent("place.changed", null, {
          place: name,
          backend: place.backend,
          fields: Object.keys(settings),
          requested_by: asker.requestedBy,
        }),
      ]);
    return after;
  });
}

/**
 * Has whatever has no data in a place, or says that it may leave it, taken elsewhere by the sweep `drain`; the rest stays. Nothing more
 * goes there until it is uncordoned, which ends the drain.
 * @throws BerthError as {@link patchPlace}.
 */
export async function drainPlace(
  pool: Pool,
  name: string,
  asker: Asker & { ifVersion?: number },
): Promise<DrainProgress> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const place = await lockForChange(tx, name, asker);
    await markDraining(tx, name, asker.requestedBy);
    const progress = await drainProgress(tx, name);
    if (place.draining_since === null)
      await insertEvents(tx, [
        newEvent("place.draining", null, {
          place: name,
          backend: place.backend,
          leaving: progress.leaving,
          staying: progress.staying,
          requested_by: asker.requestedBy,
        }),
      ]);
    return progress;
  });
}

/** Keeps all placement out, and then locks the place. @throws BerthError as {@link patchPlace}. */
export async function lockForChange(
  tx: Tx,
  name: string,
  { ifVersion }: { ifVersion?: number },
): Promise<Place> {
  await lockPlacement(tx, (await requirePlace(tx, name)).backend, true);
  const place = (await lockPlace(tx, name))!;
  if (place.lost_at !== null)
    throw new BerthError("place_lost", lostSentence(name, { by: place.lost_by!, why: place.lost_reason! }), {
      place: name,
    });
  if (ifVersion !== undefined && place.version !== ifVersion)
    throw new BerthError(
      "precondition_failed",
      `place ${name}: its version is ${place.version}, not ${ifVersion}`,
      {
        version: place.version,
      },
    );
  return place;
}

/**
 * An operator says which of those that answer under a place's name is the one meant; null: the one that carries no
 * identity yet, which is then given one. From here on what that one says of the place's things counts, so those that it
 * doesn't have are gone.
 * @throws BerthError `place_not_found`, `place_lost`, `identity_taken`
 */
export async function confirmPlace(
  pool: Pool,
  name: string,
  identity: string | null,
  asker: Asker,
): Promise<Place> {
  const by = asker.requestedBy;
  return acceptIdempotently(pool, null, asker, async (tx) => {
    await requirePlace(tx, name);
    const place = (await lockPlace(tx, name))!;
    if (place.lost_at !== null)
      throw new BerthError("place_lost", `place ${name} was given up: it can't be confirmed`, {
        place: name,
      });
    const other = identity === null ? null : await placeOfIdentity(tx, place.backend, identity);
    if (other !== null && other !== name)
      throw new BerthError("identity_taken", `${identity} is place ${other}`, { place: other, identity });
    await confirmIdentity(tx, name, identity, by);
    await insertEvents(tx, [
      {
        event_type: "place.confirmed",
        workspace_id: null,
        payload: {
          place: name,
          backend: place.backend,
          identity,
          recorded: place.identity,
          requested_by: by,
        },
      },
    ]);
    return (await getPlace(tx, name))!;
  });
}
