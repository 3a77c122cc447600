import { claimTickets } from "@berth/core/db/gates";
import { getOperation } from "@berth/core/db/operations";
import { ensurePlace } from "@berth/core/db/places";
import { OPERATIONS_QUEUE } from "@berth/core/queues/names";
import { createWorkspace } from "@berth/core/requests/create";
import { listLeaks } from "@berth/core/requests/leaks";
import { why } from "@berth/core/operations/why";
import { expect, it, vi } from "vitest";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { ended } from "../support/wait.js";
import { openScene } from "./scene.js";

const SLEEP = { command: ["sleep", "3600"], readiness: "running" as const };

it("an operation waits for its place, spends nothing meanwhile, and goes on when a worker comes (I12, I15)", async () => {
  const scene = await openScene();
  const [a, b] = [await scene.machine(), await scene.machine()];
  scene.startWorker({ backends: new Map([["process", a.open()]]) });
  await scene.contact("process", "confirmed");
  await ensurePlace(scene.pool, { name: "machine-b", backend: "process" });
  const { workspace, operation } = await createWorkspace(
    scene.context,
    { ...newWorkspace(), spec: SLEEP, place: "machine-b" },
    BY_TEST,
  );
  // What a worker of the other place does meanwhile is done.
  const there = await scene.online();
  expect(await why(scene.pool, workspace.id)).toMatchObject({
    waits_for: "place",
    summary: expect.stringContaining(
      "waits for place machine-b, which has never been served: no live worker is configured for it",
    ),
  });
  expect(await getOperation(scene.pool, operation.id)).toMatchObject({ state: "queued", attempt: 0 });

  const worker = scene.startWorker({ backends: new Map([["machine-b", b.open()]]) });
  await ended(scene.pool, [operation.id]);
  expect(await getOperation(scene.pool, operation.id)).toMatchObject({ state: "succeeded", attempt: 1 });
  expect([await a.owned(), await b.owned()]).toEqual([
    ["instance running", "volume"],
    ["instance running", "volume"],
  ]);
  await worker.close();
  const removals = [await scene.remove(workspace.id), await scene.remove(there)];
  await ended(scene.pool, removals.slice(1));
  expect(await why(scene.pool, workspace.id)).toMatchObject({
    waits_for: "place",
    summary: expect.stringMatching(/waits for place machine-b, which nobody serves since \d{4}-/),
  });
  const waiting = await listLeaks(scene.pool, { underWay: false });
  expect(waiting, "what waits for nobody isn't under way (I13)").toMatchObject(
    ["instance", "volume"].map((kind) => ({
      kind,
      workspace_id: workspace.id,
      why: "its workspace is removed; it waits for place machine-b, which nobody serves",
    })),
  );
  scene.startWorker({ backends: new Map([["machine-b", b.open()]]) });
  await ended(scene.pool, removals);
  expect([await a.owned(), await b.owned()]).toEqual([[], []]);
});

it("what an older process has put into the queue of all places gets to the one that is meant", async () => {
  const scene = await openScene({ BERTH_SWEEP_DISPATCH_EVERY_MS: "3600000" });
  const [a, b] = [await scene.machine(), await scene.machine()];
  await ensurePlace(scene.pool, { name: "machine-b", backend: "process" });
  const { operation } = await createWorkspace(
    { ...scene.context, dispatcher: { ...scene.queues.dispatcher, add: () => Promise.resolve() } },
    { ...newWorkspace(), spec: SLEEP, place: "machine-b" },
    BY_TEST,
  );
  const { id: operationId, workspace_id: workspaceId, ticket } = operation;
  await scene.queues.unplaced.add("provision", { workspaceId, operationId, ticket });
  scene.startWorker({ backends: new Map([["process", a.open()]]) });
  await vi.waitFor(async () => expect(await scene.queues.unplaced.getJobCountByTypes("completed")).toBe(1));
  await vi.waitFor(async () =>
    expect(await scene.queues.operationsOf("machine-b").getJobCountByTypes("waiting", "delayed")).toBe(1),
  );
  scene.startWorker({ backends: new Map([["machine-b", b.open()]]) });
  await ended(scene.pool, [operation.id]);
  expect(await b.owned()).toEqual(["instance running", "volume"]);
  expect(OPERATIONS_QUEUE).toBe("operations");
});

it("an older worker, which knows one place of a backend, claims nothing elsewhere", async () => {
  const scene = await openScene();
  await ensurePlace(scene.pool, { name: "machine-b", backend: "process" });
  const make = async (place?: string) => {
    const input = { ...newWorkspace(), ...(place === undefined ? {} : { place }) };
    return (await createWorkspace(scene.context, input, BY_TEST)).workspace.id;
  };
  const ids = [await make("machine-b"), await make()];
  const wants = ids.map((workspaceId) => ({ workspaceId, ticket: 1, owner: "host/1/abcd", leaseMs: 1_000 }));
  const claimed = await claimTickets(scene.pool, wants);
  expect(claimed.map(({ workspace_id }) => workspace_id)).toEqual([ids[1]]);
});
