import type { Backend, CallOptions, OwnedResource } from "../compute/backend.js";
import { getPlace, openThingsOf, placeOfIdentity, takeIdentity, type Place } from "../db/places.js";
import { insertEvents } from "../db/events.js";
import { sqlState, transaction, type Pool } from "../db/pool.js";
import { lostSentence, mismatchOf, type Contact } from "../domain/place.js";

/** What a worker reaches under a place's name. */
export interface Reached {
  state: Contact;
  /** As the provider tells it now; null: it tells none, or doesn't answer. */
  identity: string | null;
  /** As it is recorded; null: not at all. */
  recorded: string | null;
  /** In one sentence; null: none. */
  problem: string | null;
  /** The problem is a copy of this database, which waits for the place (`copies.ts`). */
  copyWaits?: boolean;
}

/**
 * Asks who answers under a place's name. One without a recorded identity takes that of what answers, if the place has
 * nothing yet, or at least one of its things is found there; from an absence nothing is concluded (I4), and an operator
 * is asked.
 */
export async function contact(
  pool: Pool,
  name: string,
  backend: Backend,
  call: CallOptions,
): Promise<Reached> {
  const place = await getPlace(pool, name);
  if (place === null) throw new Error(`place ${name} has no row`);
  if (place.lost_at !== null)
    return {
      ...reached(place, "lost", null),
      problem: lostSentence(name, { by: place.lost_by!, why: place.lost_reason! }),
    };
  if (place.backend !== backend.name)
    return {
      ...reached(place, "mismatch", null),
      problem: `place ${name} is one of ${place.backend}, and this worker is set to reach it by ${backend.name}`,
    };
  let seen: string | null;
  try {
    seen = await backend.identify(call);
    if (place.identity === null) return await firstContact(pool, place, backend, seen, call);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ...reached(place, "unreachable", null), problem: `place ${name} can't be reached: ${why}` };
  }
  if (seen === place.identity) return reached(place, "confirmed", seen);
  const problem = mismatchOf(backend.name, name, place.identity, seen);
  return { ...reached(place, "mismatch", seen), problem };
}

async function firstContact(
  pool: Pool,
  place: Place,
  backend: Backend,
  seen: string | null,
  call: CallOptions,
): Promise<Reached> {
  const things = await openThingsOf(pool, place.name);
  const said = seen === null && place.unmarked_confirmed_by !== null;
  if (things.length > 0 && !said) {
    const owned = await backend.listOwned(call);
    // Whoever was asked first must also be the one who gave the list.
    const still = (await backend.identify(call)) === seen;
    if (!still || !things.some((thing) => owned.some((one) => isThat(one, thing))))
      return {
        ...reached(place, "unconfirmed", seen),
        problem:
          `what answers as place ${place.name} (${seen ?? "it carries no identity yet"}) has none of the ` +
          `${things.length} thing(s) that the ledger has there: nothing is concluded; if it is the right one all the ` +
          `same, an operator confirms it`,
      };
  }
  const identity = seen ?? (await backend.mark?.(call)) ?? null;
  if (identity === null) throw new Error("it has no identity, and can be given none");
  return record(pool, place, identity, null);
}

/** Records it, unless another place has it, or another worker has recorded another one meanwhile. */
export async function record(
  pool: Pool,
  place: Place,
  identity: string,
  by: string | null,
): Promise<Reached> {
  try {
    await transaction(pool, async (tx) => {
      if (!(await takeIdentity(tx, place.name, identity, by))) return;
      await insertEvents(tx, [
        {
          event_type: "place.identified",
          workspace_id: null,
          payload: { place: place.name, backend: place.backend, identity, confirmed_by: by },
        },
      ]);
    });
  } catch (error) {
    // Another place took it between the look and the write.
    if (sqlState(error) !== "23505") throw error;
  }
  const now = (await getPlace(pool, place.name))!;
  if (now.identity === identity) return reached(now, "confirmed", identity);
  if (now.identity !== null) {
    const problem = mismatchOf(place.backend, place.name, now.identity, identity);
    return { ...reached(now, "mismatch", identity), problem };
  }
  const other = await placeOfIdentity(pool, place.backend, identity);
  return {
    ...reached(now, "taken", identity),
    problem: `what answers as place ${place.name} is ${identity}, and that is place ${other ?? "of another name"}`,
  };
}

function reached(place: Place, state: Contact, identity: string | null): Reached {
  return { state, identity, recorded: place.identity, problem: null };
}

function isThat(
  owned: OwnedResource,
  thing: { kind: string; provider_id: string | null; name: string },
): boolean {
  if (owned.kind !== thing.kind) return false;
  return thing.provider_id === null ? owned.name === thing.name : owned.providerId === thing.provider_id;
}
