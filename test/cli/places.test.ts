import { afterAll, beforeAll, expect, it } from "vitest";
import { ensurePlace } from "@berth/core/db/places";
import { noteContact } from "@berth/core/db/place-workers";
import { transaction } from "@berth/core/db/pool";
import { startStage, type Stage } from "./berth.js";

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
  await ensurePlace(stage.api.pool, { name: "machine-b", backend: "process" });
});
afterAll(() => stage.close());

it("places are listed, shown, changed, cordoned and confirmed", async () => {
  const { berth, json } = stage;
  expect((await berth("places", "set", "machine-b", "--capacity", "5", "--label", "zone:b")).stdout).toBe(
    "machine-b is changed: capacity, labels\n",
  );
  const [head, ...rows] = (await berth("places")).stdout.split("\n");
  expect(head).toMatch(/^PLACE +BACKEND +STATE +HELD +RUN +OWED +WORKERS +LABELS +TROUBLE$/);
  expect(rows.find((row) => row.startsWith("machine-b"))).toMatch(/process +never reached +0 of 5 .*zone:b/);
  expect((await berth("places", "cordon", "machine-b")).stdout).toBe("machine-b takes no more workspaces\n");
  const refused = await berth("create", "w", "--place", "machine-b", "--no-wait", "--", "sleep", "60");
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining("machine-b is cordoned")]);
  await berth("places", "uncordon", "machine-b");
  const made = await json(
    "create",
    "w",
    "--place",
    "machine-b",
    "--may-move",
    "--no-wait",
    "--",
    "sleep",
    "60",
  );
  expect(made).toMatchObject({ place: "machine-b", may_move: true });
  expect((await json("ls", "--place", "machine-b")).map((one: { name: string }) => one.name)).toEqual(["w"]);
  expect(await json("set", "w", "--no-may-move", "--place-label", "zone:b")).toMatchObject({
    may_move: false,
    place_labels: { zone: "b" },
  });
  expect(await json("set", "w", "--may-move")).toMatchObject({ may_move: true });
  expect((await berth("places", "drain", "machine-b")).stdout).toBe(
    "machine-b is drained: 1 will leave, 0 stay\n",
  );
  expect((await berth("places")).stdout).toMatch(/machine-b .*never reached, draining/);
  await berth("places", "uncordon", "machine-b");
  await stage.api.pool.query(
    `insert into resources (id, workspace_id, kind, backend, place, name, client_token, generation, state, releasing_at)
     values (gen_random_uuid(), $1, 'volume', 'process', 'machine-b', 'vol-w', 't', 1, 'releasing', now())`,
    [made.id],
  );
  expect((await berth("leaks")).stdout).toMatch(/vol-w.*machine-b/s);
  await transaction(stage.api.pool, (tx) =>
    noteContact(tx, { place: "machine-b", worker: "w", state: "confirmed", identity: null, problem: null }),
  );
  expect((await berth("leaks")).stderr).toBe(
    "1 more to be removed by operations that run or wait: berth leaks --all\nNothing is leaked.\n",
  );
  expect((await berth("leaks", "--all")).stdout).toContain("vol-w");
  const bad = await berth("create", "w", "--place", "nowhere", "--", "sleep", "60");
  expect([bad.code, bad.stderr]).toEqual([4, expect.stringContaining("machine-b")]);
  await berth("places", "set", "machine-b", "--capacity", "none");
  expect(await json("places", "confirm", "machine-b", "machine:x")).toMatchObject({
    identity: "machine:x",
    capacity: null,
  });
  expect((await berth("places", "show", "machine-b")).stdout).toMatch(/identity +machine:x/);
  expect((await berth("places", "show", "nowhere")).code).toBe(3);
  expect((await berth("places", "set", "machine-b")).code).toBe(2);
});
