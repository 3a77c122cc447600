import type { Backend, OwnedResource } from "../compute/backend.js";
import { insertEvents } from "../db/events.js";
import { noteShared } from "../db/place-sharers.js";
import { transaction } from "../db/pool.js";
import { forgetSightings, noteSightings, type Sighting, type SightingNow } from "../db/sightings.js";
import { newEvent } from "../domain/events.js";
import type { SweepName } from "../domain/sweep.js";
import { isHeld, type Why } from "./judge-unclaimed.js";
import { reapedEvent } from "./reap.js";
import type { SweepDeps } from "./sweep.js";

/** An unclaimed thing, and what is to become of it. */
export interface SightingOf {
  thing: OwnedResource;
  why: Why;
}

/** Counts the sightings, and forgets what is claimed again or gone: gone after a try of ours is a reaping. */
export async function record(
  deps: SweepDeps,
  { place, backend, sweep }: { place: string; backend: Backend; sweep: SweepName },
  seen: readonly SightingOf[],
  lost: readonly OwnedResource[],
  listed: readonly OwnedResource[],
  known: readonly SightingNow[],
  others: readonly OwnedResource[],
): Promise<void> {
  const still = new Set(lost.map((thing) => keyOf(thing.kind, thing.providerId)));
  const there = new Set(listed.map((thing) => keyOf(thing.kind, thing.providerId)));
  await transaction(deps.pool, async (tx) => {
    const noted = await noteSightings(
      tx,
      place,
      seen.map(({ thing, why }) => ({
        kind: thing.kind,
        provider_id: thing.providerId,
        name: thing.name,
        workspace_id: thing.workspaceId,
        generation: thing.generation,
        state: thing.state,
        created_at: thing.createdAt,
        why: why.text,
        hold_ms: isHeld(why, deps) ? deps.settings.volumeGraceMs : null,
      })),
    );
    await noteShared(tx, { place, backend: backend.name }, others);
    const before = new Map(known.map((row) => [row.id, row.held_until?.getTime()]));
    await insertEvents(
      tx,
      noted
        .filter((row) => row.held_until !== null && before.get(row.id) !== row.held_until.getTime())
        .map((row) => heldEvent(row, sweep, backend.name)),
    );
    const forgotten = await forgetSightings(
      tx,
      known.filter((row) => !still.has(keyOf(row.kind, row.provider_id))).map((row) => row.id),
    );
    await insertEvents(
      tx,
      forgotten
        .filter((row) => row.attempts > 0 && !there.has(keyOf(row.kind, row.provider_id)))
        .map((row) => reapedEvent(row, sweep, backend.name)),
    );
  });
}

/** That it will be ended, and when: never silently. */
function heldEvent(row: Sighting, sweep: SweepName, backend: string) {
  const { place, kind, provider_id, name, created_at, why } = row;
  const held_until = row.held_until!;
  const payload = { sweep, backend, place, kind, provider_id, name, created_at, held_until, why };
  return newEvent("workspace.leak.held", row.workspace_id, payload);
}

export function keyOf(kind: string, providerId: string): string {
  return `${kind} ${providerId}`;
}
