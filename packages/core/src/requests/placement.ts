import { BerthError } from "../base/errors.js";
import {
  candidatesOf,
  loadsOf,
  lockCapacity,
  lockPlacement,
  notePlaced,
  withPlaced,
} from "../db/placement.js";
import { getPlace } from "../db/places.js";
import type { Tx } from "../db/pool.js";
import type { NewWorkspace, Workspace } from "../db/workspaces.js";
import {
  hasRoom,
  leastLoaded,
  reachable,
  refusesAll,
  type Candidate,
  type Load,
} from "../domain/placement.js";

type Wish = Pick<NewWorkspace, "backend" | "place" | "place_labels"> & {
  /** Not there. */
  except?: string;
};

/** Why a place takes it not. */
interface Refusal {
  name: string;
  why: string;
}

/**
 * Where a new workspace goes: where the request says; else, unless it names labels of places, where its parent is, if that
 * one has the same backend; else to the place with these labels that has the fewest running by its weight. The caller has
 * locked all the gates and quotas that it will; no place gets more than its capacity, however many ask at once.
 * @throws BerthError `invalid_place`; `no_place` with each of the `places` and why it is not
 */
export async function choosePlace(
  tx: Tx,
  wish: Wish,
  parent: Pick<Workspace, "backend" | "place"> | null,
): Promise<string> {
  const { backend, place_labels: labels } = wish;
  await lockPlacement(tx, backend, false);
  const all = (await candidatesOf(tx, backend)).filter(({ name }) => name !== wish.except);
  if (wish.place !== undefined) await requireThere(tx, wish.place, wish, all);
  const beside = parent?.backend === backend && labels === undefined ? parent.place : undefined;
  const home = wish.place ?? beside;
  const asked = home === undefined ? all : all.filter((one) => one.name === home);

  const refusals = new Map<string, string>();
  const fit = asked.filter((one) => {
    const why = refusesAll(one, labels ?? {});
    if (why !== null) refusals.set(one.name, why);
    return why === null;
  });
  const near = home === undefined ? reachable(all, backend) : all;
  const open = fit.filter((one) => near.includes(one));
  for (const one of fit) if (!open.includes(one)) refusals.set(one.name, "is served by no live worker");
  const [only] = open;
  if (open.length === 1 && only!.capacity === null) return only!.name;

  const loaded = await withLoads(tx, backend, open);
  const best = leastLoaded(withPlaced(tx, loaded));
  if (best !== null) {
    notePlaced(tx, best.name);
    return best.name;
  }
  for (const one of loaded)
    if (!hasRoom(one)) refusals.set(one.name, `holds ${one.load.held} of ${one.capacity} workspaces`);
  throw noPlace(
    wish,
    asked.map(({ name }) => ({ name, why: refusals.get(name)! })),
    wish.place === undefined ? beside : undefined,
  );
}

async function withLoads(
  tx: Tx,
  backend: Wish["backend"],
  places: readonly Candidate[],
): Promise<(Candidate & { load: Load })[]> {
  if (places.some((one) => one.capacity !== null)) await lockCapacity(tx, backend);
  const loads = await loadsOf(
    tx,
    places.map(({ name }) => name),
  );
  return places.map((one) => ({ ...one, load: loads.get(one.name)! }));
}

async function requireThere(
  tx: Tx,
  name: string,
  { backend }: Wish,
  all: readonly Candidate[],
): Promise<void> {
  const fitting = all.filter((one) => !one.lost).map((one) => one.name);
  if (fitting.includes(name)) return;
  const there = await getPlace(tx, name);
  const expected = `a place of backend ${backend}: ${fitting.join(", ") || "there is none"}`;
  const problem =
    there === null
      ? `there is no place ${name}`
      : there.backend === backend
        ? `place ${name} was given up`
        : `place ${name} is one of backend ${there.backend}`;
  throw new BerthError("invalid_place", `place: expected ${expected}; ${problem}`, {
    errors: [{ field: "place", expected }],
    places: fitting,
  });
}

function noPlace({ backend }: Wish, places: readonly Refusal[], parents: string | undefined): BerthError {
  const each = places.map(({ name, why }) => `${name} ${why}`).join("; ");
  const message =
    places.length === 0
      ? `backend ${backend} has no place`
      : parents === undefined
        ? `no place of backend ${backend} takes it: ${each}`
        : `it goes where its parent is, and ${each}: name another place, or place_labels ({} for any)`;
  return new BerthError("no_place", message, { places });
}
