import { getOperation } from "@berth/core/db/operations";
import { getWorkspace, getWorkspaces } from "@berth/core/db/workspaces";
import { listWorkspaces } from "@berth/core/db/workspace-lists";
import { drainPlace, patchPlace } from "@berth/core/requests/places";
import { requestRestart } from "@berth/core/requests/restart";
import { requestPause } from "@berth/core/requests/suspend";
import { expect, it, vi } from "vitest";
import { BY_TEST } from "../support/fleet.js";
import { ended } from "../support/wait.js";
import { openScene } from "./scene.js";

const QUICKLY = { BERTH_SWEEP_DRAIN_EVERY_MS: "300", BERTH_SWEEP_DISPATCH_EVERY_MS: "300" };

it("what may leave a drained place starts elsewhere, never beside what ran there; the rest stays and is listed (I1, I8, I12)", async () => {
  const scene = await openScene(QUICKLY);
  const { pool, context } = scene;
  const [a, b] = [await scene.machine(), await scene.machine()];
  scene.startWorker({ backends: new Map([["process", a.open()]]) });
  scene.startWorker({ backends: new Map([["machine-b", b.open()]]) });
  await Promise.all([scene.contact("process", "confirmed"), scene.contact("machine-b", "confirmed")]);
  const there = { place: "machine-b", may_move: true };
  const [moves, rests] = [await scene.online(there), await scene.online(there)];
  const stays = await scene.online({ place: "machine-b" });
  const bound = await scene.online({ ...there, place_labels: {} });
  await pool.query(`update workspaces set place_labels = '{"zone": "b"}' where id = $1`, [bound]);
  const { operation } = await requestPause(context, rests, BY_TEST);
  await ended(pool, [operation.id]);

  expect(await drainPlace(pool, "machine-b", BY_TEST)).toMatchObject({
    leaving: 3,
    staying: 1,
    first_staying: [{ id: stays, status: "online" }],
  });
  await vi.waitFor(
    async () => {
      expect(await getWorkspace(pool, moves)).toMatchObject({ place: "process", status: "online" });
      expect(await getWorkspace(pool, rests)).toMatchObject({ place: "process", status: "paused" });
      // Of the two that stay: one has data there, and of the other no place has the labels.
      expect(await b.owned()).toEqual(["instance running", "instance running", "volume", "volume"]);
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(await a.owned()).toEqual(["instance running", "volume"]);
  expect(await scene.ledger(moves)).toEqual([
    "instance gone",
    "instance present",
    "volume gone",
    "volume present",
  ]);
  expect(await scene.eventsOf("workspace.moved")).toHaveLength(2);
  expect(await drainPlace(pool, "machine-b", BY_TEST)).toMatchObject({ leaving: 1, staying: 1 });
  expect(await scene.eventsOf("place.draining"), "one drain").toHaveLength(1);
  // One starts only when what it was is proven gone.
  const { rows } = await pool.query(
    `select 1 from resources old join resources new using (workspace_id, kind)
     where old.place = 'machine-b' and new.place = 'process' and new.created_at < old.gone_at`,
  );
  expect(rows).toEqual([]);

  await patchPlace(pool, "machine-b", { cordoned: false }, BY_TEST);
  await patchPlace(pool, "process", { labels: { zone: "b" } }, BY_TEST);
  const runs = async () =>
    (await pool.query("select count(*)::int as n from sweep_runs where sweep like 'drain@%'")).rows[0].n;
  const before = await runs();
  await vi.waitFor(async () => expect(await runs()).toBeGreaterThan(before + 3), { timeout: 20_000 });
  const left = await listWorkspaces(pool, { includeRemoved: false, places: ["machine-b"], limit: 10 });
  expect(
    left.rows.map(({ id }) => id),
    "an uncordon ends it",
  ).toEqual([stays, bound]);
});

it("what a drain can't see to its end stays in its place, with all that is asked of it meanwhile, and leaves later (I7, I14)", async () => {
  const scene = await openScene(QUICKLY);
  const { pool, context } = scene;
  const [a, b] = [await scene.machine(), await scene.machine()];
  const reach = b.open();
  const broken = { stop: true, removeVolume: true };
  for (const act of ["stop", "removeVolume"] as const) {
    const call = reach[act].bind(reach) as (...args: never[]) => Promise<never>;
    reach[act] = async (...args: never[]) => {
      if (broken[act]) throw new Error("it can't now");
      return call(...args);
    };
  }
  scene.startWorker({
    backends: new Map([
      ["process", a.open()],
      ["machine-b", reach],
    ]),
  });
  await Promise.all([scene.contact("process", "confirmed"), scene.contact("machine-b", "confirmed")]);
  const there = { place: "machine-b", may_move: true };
  const [goes, restarted, deleted] = [
    await scene.online(there),
    await scene.online(there),
    await scene.online(there),
  ];
  await drainPlace(pool, "machine-b", BY_TEST);
  const statuses = async () =>
    (await getWorkspaces(pool, [goes, restarted, deleted])).map(({ status, place }) => `${status} ${place}`);
  const runs = async () =>
    (await pool.query("select 1 from sweep_runs where sweep = 'drain@machine-b' and finished_at is not null"))
      .rowCount!;
  const before = await runs();
  await vi.waitFor(async () => expect(await runs()).toBeGreaterThan(before + 2), { timeout: 20_000 });
  expect(new Set(await statuses()), "no stop was taken").toEqual(new Set(["online machine-b"]));
  expect(await scene.ledger(goes)).toEqual(["instance present", "volume present"]);
  expect(await scene.eventsOf("workspace.offline")).toEqual([]);
  broken.stop = false;
  // Their volumes are given up by now.
  const owned = async () => (await b.owned()).join();
  await vi.waitFor(async () => expect(await owned()).toBe("volume,volume,volume"));
  const { operation } = await requestRestart(context, restarted, BY_TEST);
  const removal = await scene.remove(deleted);
  broken.removeVolume = false;
  await ended(pool, [operation.id, removal]);
  expect(await getOperation(pool, operation.id)).toMatchObject({ state: "succeeded" });
  expect(await getOperation(pool, removal)).toMatchObject({ state: "succeeded", place: "machine-b" });
  for (const id of [goes, restarted])
    await vi.waitFor(async () =>
      expect(await getWorkspace(pool, id)).toMatchObject({ place: "process", status: "online" }),
    );
  expect([await b.owned(), await a.owned()]).toEqual([
    [],
    ["instance running", "instance running", "volume", "volume"],
  ]);
});

it("what is asked of one that is just leaving is done first, in the place that it was asked of; then it leaves (I2, I14)", async () => {
  const scene = await openScene(QUICKLY);
  const { pool, context } = scene;
  const [a, b] = [await scene.machine(), await scene.machine()];
  const reach = b.open();
  const removeVolume = reach.removeVolume.bind(reach);
  let asked: Promise<string> | undefined;
  reach.removeVolume = async (volume, call) => {
    // The drain holds the gate, and all that is left is to move.
    asked ??= requestRestart(context, volume.workspaceId, BY_TEST).then(({ operation }) => operation.id);
    await asked;
    return removeVolume(volume, call);
  };
  scene.startWorker({ backends: new Map([["process", a.open()]]) });
  scene.startWorker({ backends: new Map([["machine-b", reach]]) });
  await Promise.all([scene.contact("process", "confirmed"), scene.contact("machine-b", "confirmed")]);
  const id = await scene.online({ place: "machine-b", may_move: true });
  await drainPlace(pool, "machine-b", BY_TEST);
  await vi.waitFor(() => expect(asked).toBeDefined());
  const restart = await asked!;
  await ended(pool, [restart]);
  expect(await getOperation(pool, restart)).toMatchObject({ state: "succeeded", place: "machine-b" });
  const { rows } = await pool.query(
    "select place from resources where workspace_id = $1 and kind = 'instance' and generation = 2",
    [id],
  );
  expect(rows).toEqual([{ place: "machine-b" }]);
  await vi.waitFor(async () =>
    expect(await getWorkspace(pool, id)).toMatchObject({ place: "process", status: "online" }),
  );
  expect(await b.owned()).toEqual([]);
  // It left it alone, and didn't fail at it.
  const { rows: runs } = await pool.query(
    "select 1 from sweep_runs where sweep = 'drain@machine-b' and counts -> 'busy' = '1'",
  );
  expect(runs).toHaveLength(1);
  const { rows: moved } = await pool.query(
    `select e.created_at > o.finished_at as after_it from structure_events e, operations o
     where e.workspace_id = $1 and e.event_type = 'workspace.moved' and o.id = $2`,
    [id, restart],
  );
  expect(moved).toEqual([{ after_it: true }]);
});

it("what no place takes runs on as it was until one does, and a child goes where its parent went", async () => {
  const scene = await openScene(QUICKLY);
  const { pool } = scene;
  const machines = [await scene.machine(), await scene.machine(), await scene.machine()];
  const places = ["process", "machine-b", "machine-c"];
  scene.startWorker({ backends: new Map(places.map((name, at) => [name, machines[at]!.open()])) });
  await Promise.all(places.map((name) => scene.contact(name, "confirmed")));
  for (const name of ["process", "machine-c"]) await patchPlace(pool, name, { capacity: 0 }, BY_TEST);
  const there = { place: "machine-b", may_move: true };
  const parent = await scene.online(there);
  const children = [
    await scene.online({ ...there, parent_id: parent }),
    await scene.online({ ...there, parent_id: parent }),
  ];
  const before = await getWorkspace(pool, parent);
  await drainPlace(pool, "machine-b", BY_TEST);
  await vi.waitFor(async () =>
    expect(
      (
        await pool.query(
          "select 1 from sweep_runs where sweep = 'drain@machine-b' and counts -> 'no_place' = '1'",
        )
      ).rows,
    ).not.toEqual([]),
  );
  expect(await getWorkspace(pool, parent)).toEqual(before);

  for (const name of ["process", "machine-c"]) await patchPlace(pool, name, { capacity: 3 }, BY_TEST);
  await vi.waitFor(async () => {
    const [first, ...rest] = await Promise.all([parent, ...children].map((id) => getWorkspace(pool, id)));
    expect(first).toMatchObject({ status: "online", place: expect.not.stringMatching("machine-b") });
    for (const one of rest) expect(one).toMatchObject({ status: "online", place: first!.place });
  });
  expect(await machines[1]!.owned()).toEqual([]);
});
