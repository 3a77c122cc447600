import { setTimeout as delay } from "node:timers/promises";
import { createApi, type Api, type Operation, type Workspace } from "./api.js";
import { DemoError } from "./demo-error.js";
import type { Settings } from "./settings.js";
import { overlaps, timeline } from "./timeline.js";
import { untilEnded } from "./wait.js";
import { askProvider } from "./witness.js";

/** How long a Berth that has just started may take until it has reached its places, and how often to look. In ms. */
const REACHED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 250;

/**
 * Makes a tree of four workspaces, restarts one of them many times at once, deletes the tree, and shows what
 * happened when and what is left.
 * @throws DemoError if Berth broke a promise, or can't be reached.
 */
export async function runDemo(settings: Settings): Promise<void> {
  const api = createApi(settings);
  console.log(`Berth at ${settings.url}\n`);
  const tree: Workspace[] = [];
  try {
    await createTree(api, tree, settings);
    const ids = tree.map((workspace) => workspace.id);
    const seen = await askProvider(tree[0]!.backend, ids, settings);
    await restartManyTimes(api, tree[1]!, settings.restarts);
    await deleteTree(api, tree);
    await report(api, tree, { seen, settings });
  } catch (error) {
    await cleanUp(api, tree);
    throw error;
  }
}

async function createTree(api: Api, tree: Workspace[], settings: Settings): Promise<void> {
  const places = await choosePlaces(api, settings);
  console.log(`1. A tree of four workspaces${places === null ? "" : ` over ${places.join(" and ")}`}`);
  const operations: string[] = [];
  const add = async (name: string, parent: Workspace | null): Promise<Workspace> => {
    const place = places?.[tree.length % places.length];
    const made = await api.create({
      name,
      parent_id: parent?.id ?? null,
      ...(place !== undefined && { place }),
    });
    tree.push(made);
    if (place !== undefined && made.place !== place)
      throw new DemoError(`${name} was to go to place ${place}, and is in ${made.place}`);
    operations.push(made.operation.id);
    return made;
  };
  const root = await add("root", null);
  const child = await add("child-1", root);
  await add("child-2", root);
  await add("grandchild", child);
  await untilEnded(api, `provisioned on ${root.backend}`, operations);
}

/** As many places of one backend as the tree is to be spread over, by name; null: Berth chooses. */
async function choosePlaces(api: Api, { places: wanted, backend }: Settings): Promise<string[] | null> {
  if (wanted === 1) return null;
  let reached: string[] = [];
  // A Berth that has just started may not have reached all of them yet.
  for (const until = Date.now() + REACHED_WITHIN_MS; ; await delay(LOOK_EVERY_MS)) {
    const open = (await api.places()).filter((one) => one.served && !one.cordoned);
    reached = open.map(({ name }) => name);
    const backends = [...new Set(open.map((one) => one.backend))].filter((one) => one === (backend ?? one));
    const sets = backends.map((one) => open.filter((place) => place.backend === one).map(({ name }) => name));
    const enough = sets.find((names) => names.length >= wanted);
    if (enough !== undefined) return enough.slice(0, wanted);
    if (Date.now() > until) break;
  }
  throw new DemoError(
    `--places ${wanted}: Berth reaches ${reached.join(", ") || "none"}; see docs/places.md`,
  );
}

async function restartManyTimes(api: Api, workspace: Workspace, times: number): Promise<void> {
  console.log(`2. ${times} restarts of ${workspace.name} at once`);
  const answers = await Promise.all(Array.from({ length: times }, () => api.restart(workspace.id)));
  const ids = [...new Set(answers.map((answer) => answer.operation.id))];
  await untilEnded(
    api,
    `${times} requests became ${ids.length} ${ids.length === 1 ? "cycle" : "cycles"}; ended`,
    ids,
  );
  const restarts = await Promise.all(ids.map((id) => api.operation(id)));
  const served = restarts.reduce((sum, one) => sum + one.coalesced, 0);
  if (served !== times)
    throw new DemoError(`${times} restarts were asked for, and ${served} are accounted for`);
}

async function deleteTree(api: Api, tree: readonly Workspace[]): Promise<void> {
  console.log("3. The root is deleted, and what is below it");
  const { cascade_deleted } = await api.remove(tree[0]!.id);
  if (cascade_deleted !== tree.length - 1)
    throw new DemoError(`the delete took ${cascade_deleted} descendants with it and not ${tree.length - 1}`);
  const deletes = (await operationsOf(api, tree)).filter((operation) => operation.kind === "delete");
  await untilEnded(
    api,
    "deleted",
    deletes.map((operation) => operation.id),
  );
}

async function report(
  api: Api,
  tree: readonly Workspace[],
  { seen: seenBefore, settings }: { seen: string[] | null; settings: Settings },
): Promise<void> {
  const operations = await operationsOf(api, tree);
  const names = new Map(tree.map((workspace) => [workspace.id, workspace.name]));
  console.log(`\n${timeline(names, operations)}\n`);

  const [overlap] = overlaps(operations);
  if (overlap !== undefined)
    throw new DemoError(
      `${overlap[0].kind} ${overlap[0].id} and ${overlap[1].kind} ${overlap[1].id} overlapped`,
    );
  console.log("Overlaps within a workspace: none");

  const ledger = (await Promise.all(tree.map((workspace) => api.resources(workspace.id)))).flat();
  const owed = ledger.filter((row) => row.state !== "gone");
  if (owed.length > 0)
    throw new DemoError(
      `left in the ledger: ${owed.map((row) => `${row.kind} ${row.name} (${row.state})`).join(", ")}`,
    );
  console.log(`Left in the ledger: nothing; ${ledger.length} things were made, and all are proven gone`);

  const { backend } = tree[0]!;
  const left = await askProvider(
    backend,
    tree.map((workspace) => workspace.id),
    settings,
  );
  if (left !== null && left.length > 0) throw new DemoError(`left at the provider: ${left.join(", ")}`);
  // One who saw nothing while four ran is no witness.
  if (left === null || seenBefore === null || seenBefore.length === 0)
    console.log(`Left at the provider: not asked, since ${backend} can't be seen from here`);
  else
    console.log(`Left at the provider: nothing; while they ran it had ${seenBefore.length} things of them`);
}

async function operationsOf(api: Api, tree: readonly Workspace[]): Promise<Operation[]> {
  return (await Promise.all(tree.map((workspace) => api.operations(workspace.id)))).flat();
}

/** A demo that failed half-way leaves nothing running that it can still delete. */
async function cleanUp(api: Api, tree: readonly Workspace[]): Promise<void> {
  if (tree[0] !== undefined) await api.remove(tree[0].id).catch(() => undefined);
}
