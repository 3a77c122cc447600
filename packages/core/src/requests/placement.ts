import { BerthError } from "../base/errors.js";
import { listPlaces } from "../db/places.js";
import type { Tx } from "../db/pool.js";
import type { NewWorkspace, Workspace } from "../db/workspaces.js";

/**
 * Where a new workspace goes: where the request says, else where its parent is, if that one has the same backend, else
 * where its backend has its place without further settings.
 * @throws BerthError `invalid_place`
 */
export async function choosePlace(
  tx: Tx,
  { place, backend }: Pick<NewWorkspace, "backend" | "place">,
  parent: Pick<Workspace, "backend" | "place"> | null,
): Promise<string> {
  if (place !== undefined) return requireFitting(tx, place, backend);
  return parent?.backend === backend ? parent.place : backend;
}

async function requireFitting(tx: Tx, name: string, backend: Workspace["backend"]): Promise<string> {
  const places = await listPlaces(tx);
  const fitting = places.filter((one) => one.backend === backend && one.lost_at === null);
  if (fitting.some((one) => one.name === name)) return name;
  const there = places.find((one) => one.name === name);
  const names = fitting.map((one) => one.name);
  const expected = `a place of backend ${backend}: ${names.join(", ") || "there is none"}`;
  const problem =
    there === undefined
      ? `there is no place ${name}`
      : there.backend === backend
        ? `place ${name} was given up`
        : `place ${name} is one of backend ${there.backend}`;
  throw new BerthError("invalid_place", `place: expected ${expected}; ${problem}`, {
    errors: [{ field: "place", expected }],
    places: names,
  });
}
