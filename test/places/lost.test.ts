import { markLost } from "@berth/core/db/lost-places";
import { getOperation } from "@berth/core/db/operations";
import { ensurePlace, reportPlaces } from "@berth/core/db/places";
import { transaction } from "@berth/core/db/pool";
import { getWorkspace } from "@berth/core/db/workspaces";
import { listResources } from "@berth/core/db/resources";
import { why } from "@berth/core/operations/why";
import { createWorkspace } from "@berth/core/requests/create";
import { endSomeLost, losePlace } from "@berth/core/requests/lost";
import { requestRestart } from "@berth/core/requests/restart";
import { expect, it, vi } from "vitest";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { ended } from "../support/wait.js";
import { openScene } from "./scene.js";

const REASON = "the host burned down";

it("what was in a lost place ends as lost, with who said so, and starts elsewhere once it is said that its volume is gone", async () => {
  const scene = await openScene();
  const { pool, context } = scene;
  const [a, b] = [await scene.machine(), await scene.machine()];
  scene.startWorker({ backends: new Map([["process", a.open()]]) });
  const other = scene.startWorker({ backends: new Map([["machine-b", b.open()]]) });
  await Promise.all([scene.contact("process", "confirmed"), scene.contact("machine-b", "confirmed")]);
  const here = await scene.online({ place: "process" });
  const [runs, deleted] = [
    await scene.online({ place: "machine-b" }),
    await scene.online({ place: "machine-b" }),
  ];
  await other.close();
  const removal = await scene.remove(deleted);
  const { operation: restart } = await requestRestart(context, runs, BY_TEST);
  // Case 12 of the outages: what a delete waits for, and how that ends.
  expect((await why(pool, deleted)).summary).toMatch(
    /waits for place machine-b.*berth places lost machine-b.*berth leaks release/,
  );

  await losePlace(pool, "machine-b", REASON, BY_TEST);
  expect(await getOperation(pool, removal)).toMatchObject({ state: "succeeded" });
  expect(await getOperation(pool, restart.id)).toMatchObject({
    state: "failed",
    error: { code: "place_lost", message: expect.stringContaining(REASON) },
  });
  expect(await getWorkspace(pool, runs)).toMatchObject({
    status: "failed",
    instance_id: null,
    status_reason: expect.stringContaining(`given up by test: ${REASON}`),
  });
  for (const id of [runs, deleted])
    expect(await listResources(pool, id)).toEqual([
      expect.objectContaining({
        state: "gone",
        released: expect.objectContaining({ by: "test", lost: true }),
      }),
      expect.objectContaining({ state: "gone", released: expect.objectContaining({ why: REASON }) }),
    ]);
  // Workspaces of it are there by name only.
  expect(await reportPlaces(pool, "machine-b")).toMatchObject([{ running: 0, held: 0 }]);
  expect(await scene.eventsOf("place.lost")).toMatchObject([{ place: "machine-b", why: REASON }]);
  expect(await scene.eventsOf("workspace.place_lost")).toHaveLength(2);
  // The other place is as it was.
  expect([await scene.ledger(here), await a.owned()]).toEqual([
    ["instance present", "volume present"],
    ["instance running", "volume"],
  ]);

  expect((await why(pool, runs)).summary).toContain("berth restart --new-volume");
  await expect(requestRestart(context, runs, BY_TEST)).rejects.toMatchObject({
    code: "place_lost",
    message: expect.stringContaining("new_volume=true"),
  });
  const { operation } = await requestRestart(context, runs, { ...BY_TEST, newVolume: true });
  await ended(pool, [operation.id]);
  expect(await getOperation(pool, operation.id)).toMatchObject({ state: "succeeded", place: "process" });
  expect(await getWorkspace(pool, runs)).toMatchObject({ status: "online", place: "process" });
  await expect(losePlace(pool, "machine-b", REASON, BY_TEST)).rejects.toMatchObject({ code: "place_lost" });

  // Whoever comes back under its name serves nothing.
  scene.startWorker({ backends: new Map([["machine-b", b.open()]]) });
  await scene.contact("machine-b", "lost");
  const refused = createWorkspace(context, { ...newWorkspace(), place: "machine-b" }, BY_TEST);
  await expect(refused).rejects.toMatchObject({ code: "invalid_place" });
});

it("whoever gives a place up and dies half-way leaves the rest to the sweep `dispatch` (I6, I7)", async () => {
  const scene = await openScene({ BERTH_SWEEP_DISPATCH_EVERY_MS: "300" });
  const { pool } = scene;
  const [a, b] = [await scene.machine(), await scene.machine()];
  scene.startWorker({ backends: new Map([["process", a.open()]]) });
  const other = scene.startWorker({ backends: new Map([["machine-b", b.open()]]) });
  await Promise.all([scene.contact("process", "confirmed"), scene.contact("machine-b", "confirmed")]);
  const [runs, deleted] = [
    await scene.online({ place: "machine-b" }),
    await scene.online({ place: "machine-b" }),
  ];
  await other.close();
  const removal = await scene.remove(deleted);
  // Its first transaction, and no more of it.
  await transaction(pool, (tx) => markLost(tx, "machine-b", { by: "test", why: REASON }));
  await ended(pool, [removal]);
  expect(await getOperation(pool, removal)).toMatchObject({ state: "succeeded" });
  await vi.waitFor(async () =>
    expect(await getWorkspace(pool, runs)).toMatchObject({
      status: "failed",
      status_reason: expect.stringContaining(`given up by test: ${REASON}`),
    }),
  );
  expect(await scene.ledger(runs)).toEqual(["instance gone", "volume gone"]);
  expect(await scene.eventsOf("workspace.place_lost")).toHaveLength(2);
});

it("a place that several give up at once is told of once for each of its workspaces", async () => {
  const scene = await openScene({ BERTH_SWEEP_DISPATCH_EVERY_MS: "60000" });
  const { pool } = scene;
  const b = await scene.machine();
  const worker = scene.startWorker({ backends: new Map([["machine-b", b.open()]]) });
  await scene.contact("machine-b", "confirmed");
  for (let n = 0; n < 3; n++) await scene.online({ place: "machine-b" });
  await worker.close();
  const word = { by: "test", why: REASON };
  await transaction(pool, (tx) => markLost(tx, "machine-b", word));
  await Promise.all(Array.from({ length: 4 }, () => endSomeLost(pool, "machine-b", word)));
  expect(await scene.eventsOf("workspace.place_lost")).toHaveLength(3);
});

it("what is accepted while a place is given up isn't left there (I7)", async () => {
  const scene = await openScene();
  await ensurePlace(scene.pool, { name: "machine-b", backend: "process" });
  const asks = Array.from({ length: 30 }, async () =>
    createWorkspace(scene.context, { ...newWorkspace(), place: "machine-b" }, BY_TEST).catch(() => null),
  );
  await losePlace(scene.pool, "machine-b", REASON, BY_TEST);
  await Promise.all(asks);
  const { rows } = await scene.pool.query(
    "select 1 from operations where place = 'machine-b' and state in ('queued', 'running')",
  );
  expect(rows).toEqual([]);
});
