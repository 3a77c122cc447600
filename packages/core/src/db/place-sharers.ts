import type { BackendName } from "../domain/backend.js";
import { newEvent } from "../domain/events.js";
import { insertEvents } from "./events.js";
import type { Tx } from "./pool.js";

const WHY =
  "Neither touches what is the other's; give one of them another BERTH_DEPLOYMENT_ID, so that people can tell them apart";

/**
 * Says once for each other installation that it has things in a place: sharing one is no fault, but two installations
 * with one deployment's name are seldom meant.
 * @param things lookalikes of the place; those that name no installation are passed over
 * @returns who shares it, in a sentence; null: nobody
 */
export async function noteShared(
  tx: Tx,
  { place, backend }: { place: string; backend: BackendName },
  things: readonly { installation: string | null }[],
): Promise<string | null> {
  const counts = new Map<string, number>();
  for (const { installation } of things)
    if (installation !== null) counts.set(installation, (counts.get(installation) ?? 0) + 1);
  if (counts.size === 0) return null;
  const anew = await insertSharers(tx, place, [...counts.keys()]);
  await insertEvents(
    tx,
    anew.map((installation) =>
      newEvent("place.shared", null, {
        place,
        backend,
        installation,
        things: counts.get(installation)!,
        why: WHY,
      }),
    ),
  );
  const who = [...counts].map(([installation, count]) => `${installation} (${count} thing(s))`).join(", ");
  return `place ${place} has things of other installations of this deployment's name: ${who}. ${WHY}`;
}

/** @returns those that weren't known there */
async function insertSharers(tx: Tx, place: string, installations: readonly string[]): Promise<string[]> {
  const { rows } = await tx.query<{ installation: string }>(
    `insert into place_sharers (place, installation) select $1, unnest($2::text[]) on conflict do nothing
     returning installation`,
    [place, installations],
  );
  return rows.map((row) => row.installation);
}
