import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listEvents } from "@berth/core/db/events";
import { listOperations } from "@berth/core/db/operation-lists";
import { intendResource, listResources, markPresent } from "@berth/core/db/resources";
import { getWorkspace } from "@berth/core/db/workspaces";
import { transaction } from "@berth/core/db/pool";
import type { Dispatcher } from "@berth/core/gate/dispatcher";
import { createGate } from "@berth/core/gate/gate";
import { succeeded } from "@berth/core/gate/endings";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { patchWorkspace } from "@berth/core/requests/patch";
import { requestRestart } from "@berth/core/requests/restart";
import type { RequestContext } from "@berth/core/requests/accept";
import { randomUUID } from "node:crypto";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

/** A queue that is down: what is accepted must not depend on it (I6). */
const DOWN: Dispatcher = {
  add: () => Promise.reject(new Error("down")),
  promote: () => Promise.resolve(false),
  wake: () => Promise.reject(new Error("down")),
};

let database: TestDatabase;
let context: RequestContext;
beforeAll(async () => {
  database = await createTestDatabase();
  context = { pool: database.pool, dispatcher: DOWN, maxAttempts: 5 };
});
afterAll(() => database.drop());

const create = async (parentId: string | null = null) =>
  (await createWorkspace(context, newWorkspace("w", parentId), BY_TEST)).workspace;
const remove = (id: string, cascade = false, purge = false) =>
  removeWorkspace(context, id, { cascade, purge, ...BY_TEST });
const gate = () => createGate({ pool: database.pool, dispatcher: DOWN, owner: "test", leaseMs: 60_000 });

/** Runs the head operation of a workspace to its end, as a worker does. */
async function finishHead(workspaceId: string, ticket: number): Promise<void> {
  const claimed = await gate().claim(workspaceId, ticket);
  const workspace = await getWorkspace(database.pool, workspaceId);
  await gate().finish({ hold: claimed!.hold, ...succeeded(claimed!.operation, workspace!) });
}

describe("a restart request", () => {
  it("is served by the restart that waits, and counted in it (I2)", async () => {
    const { id } = await create();
    const first = await requestRestart(context, id, BY_TEST);
    const others = await Promise.all(Array.from({ length: 20 }, () => requestRestart(context, id, BY_TEST)));
    expect(new Set(others.map(({ operation }) => operation.id))).toEqual(new Set([first.operation.id]));
    const operations = await listOperations(database.pool, { workspaceId: id, limit: 10 });
    expect(operations.map(({ kind, coalesced }) => [kind, coalesced])).toEqual([
      ["restart", 21],
      ["provision", 1],
    ]);
  });

  it("isn't counted into a restart that has begun: that one may have stopped looking (I2)", async () => {
    const { id } = await create();
    await finishHead(id, 1);
    const running = await requestRestart(context, id, BY_TEST);
    expect(await gate().claim(id, running.operation.ticket)).not.toBeNull();
    const next = await requestRestart(context, id, BY_TEST);
    expect(next.operation.id).not.toBe(running.operation.id);
    expect((await requestRestart(context, id, BY_TEST)).operation.id).toBe(next.operation.id);
  });

  it("with if_busy reject is refused with the id of what is in its way", async () => {
    const { id } = await create();
    const { operation } = await requestRestart(context, id, BY_TEST);
    await expect(requestRestart(context, id, { ...BY_TEST, ifBusy: "reject" })).rejects.toMatchObject({
      code: "busy",
      details: { operation_id: operation.id },
    });
  });

  it("is refused for a removed workspace, with its status and where it would be accepted", async () => {
    const { id } = await create();
    await remove(id);
    await expect(requestRestart(context, id, BY_TEST)).rejects.toMatchObject({
      code: "illegal_transition",
      details: { status: "removed", wanted: "restart", accepted_from: expect.arrayContaining(["online"]) },
    });
    await expect(requestRestart(context, randomUUID(), BY_TEST)).rejects.toMatchObject({
      code: "workspace_not_found",
    });
  });
});

describe("a delete request", () => {
  it("is refused while there are live children, with their list, and then nothing has changed", async () => {
    const root = await create();
    const child = await create(root.id);
    const grandchild = await create(child.id);
    await expect(remove(root.id)).rejects.toMatchObject({
      code: "has_children",
      details: {
        children: expect.arrayContaining([
          expect.objectContaining({ id: child.id }),
          expect.objectContaining({ id: grandchild.id, parent_id: child.id }),
        ]),
      },
    });
    expect(await getWorkspace(database.pool, root.id)).toMatchObject({ status: "provisioning" });
  });

  it("with cascade removes the tree in one go: queued operations cancelled, one delete each, tokens revoked", async () => {
    const root = await create();
    const child = await create(root.id);
    const grandchild = await create(child.id);
    await requestRestart(context, child.id, BY_TEST);
    const removal = await remove(root.id, true);
    expect(removal).toMatchObject({ cascadeDeleted: 2, workspace: { status: "removed" } });
    expect(removal.operations.map(({ workspace_id, source }) => [workspace_id, source])).toEqual([
      [root.id, "api"],
      [child.id, "cascade"],
      [grandchild.id, "cascade"],
    ]);
    const ofChild = await listOperations(database.pool, { workspaceId: child.id, limit: 10 });
    expect(ofChild.map(({ kind, state }) => [kind, state])).toEqual([
      ["delete", "queued"],
      ["restart", "cancelled"],
      ["provision", "cancelled"],
    ]);
    const events = await listEvents(database.pool, { workspaceId: child.id, limit: 10 });
    expect(events.map(({ event_type }) => event_type)).toEqual([
      "workspace.provisioning",
      "workspace.restart.requested",
      "workspace.removed",
      "workspace.provision.cancelled",
      "workspace.restart.cancelled",
    ]);
    // The delete is next although two tickets before it never ran.
    expect(await gate().claim(child.id, 3)).not.toBeNull();
  });

  it("asks what runs to stop at its next safe point and waits behind it (I1)", async () => {
    const { id } = await create();
    const running = await gate().claim(id, 1);
    const { operation } = await remove(id);
    expect(await gate().claim(id, operation!.ticket)).toBeNull();
    expect(await gate().renew([running!.hold])).toEqual([
      { operation_id: running!.operation.id, cancel_requested: true },
    ]);
  });

  it("ends what a crashed worker left at once, and the crashed worker's fence with it (I9)", async () => {
    const { id } = await create();
    const crashed = await gate().claim(id, 1);
    await database.pool.query(
      "update gates set lease_until = clock_timestamp() - interval '1 s' where workspace_id = $1",
      [id],
    );
    const { operation } = await remove(id);
    expect((await listOperations(database.pool, { workspaceId: id, limit: 2 }))[1]).toMatchObject({
      state: "cancelled",
    });
    await expect(gate().handBack(crashed!.hold)).rejects.toThrow(/another worker/);
    expect(await gate().claim(id, operation!.ticket)).not.toBeNull();
  });

  it("asked again drives what is unfinished of the tree, at any depth, and nothing else", async () => {
    const root = await create();
    const child = await create(root.id);
    const grandchild = await create(child.id);
    const row = await transaction(database.pool, (tx) =>
      intendResource(tx, {
        id: randomUUID(),
        workspace_id: grandchild.id,
        kind: "volume",
        backend: "process",
        place: "process",
        name: `ws-${grandchild.id}`,
        client_token: "t",
        generation: 1,
      }),
    );
    await transaction(database.pool, (tx) => markPresent(tx, row.id, "vol-1"));
    const first = await remove(root.id, true);
    for (const operation of first.operations) await finishHead(operation.workspace_id, operation.ticket);
    const second = await remove(root.id, true);
    expect(second.cascadeDeleted).toBe(0);
    expect(second.operation).toBeNull();
    expect(second.operations.map(({ workspace_id }) => workspace_id)).toEqual([grandchild.id]);
    const third = await remove(root.id, true);
    expect(
      third.operations.map(({ id }) => id),
      "one that is under way isn't doubled",
    ).toEqual(second.operations.map(({ id }) => id));
  });

  it("purges the rows only once the ledger is clean, and the ledger outlives them", async () => {
    const root = await create();
    const child = await create(root.id);
    const first = await remove(root.id, true);
    await expect(remove(root.id, true, true)).rejects.toMatchObject({ code: "not_purgeable" });
    for (const operation of first.operations) await finishHead(operation.workspace_id, operation.ticket);
    const volume = await transaction(database.pool, (tx) =>
      intendResource(tx, {
        id: randomUUID(),
        workspace_id: child.id,
        kind: "volume",
        backend: "process",
        place: "process",
        name: "v",
        client_token: "t",
        generation: 1,
      }),
    );
    await expect(remove(root.id, true, true)).rejects.toMatchObject({ code: "not_purgeable" });
    await database.pool.query("update resources set state = 'gone', gone_at = now() where id = $1", [
      volume.id,
    ]);
    expect(await remove(root.id, true, true)).toMatchObject({ purged: true });
    expect(await getWorkspace(database.pool, root.id)).toBeNull();
    expect(await listResources(database.pool, child.id)).toHaveLength(1);
  });

  it("and children made at the same moment end in one of two ways: refused parent or removed with it", async () => {
    for (let round = 0; round < 10; round++) {
      const root = await create();
      const [removal, ...children] = await Promise.allSettled([
        remove(root.id, true),
        ...Array.from({ length: 5 }, () => create(root.id)),
      ]);
      expect(removal.status).toBe("fulfilled");
      const { rows } = await database.pool.query(
        "select id from workspaces where parent_id = $1 and status <> 'removed'",
        [root.id],
      );
      expect(rows, "a live child of a removed parent").toEqual([]);
      for (const child of children)
        if (child.status === "rejected") expect(child.reason).toMatchObject({ code: "parent_removed" });
    }
  });

  it("of trees that share branches never deadlocks for good", async () => {
    const root = await create();
    const branches = await Promise.all(Array.from({ length: 6 }, () => create(root.id)));
    await Promise.all([
      remove(root.id, true),
      ...branches.map((branch) => remove(branch.id, true)),
      remove(root.id, true),
    ]);
    const { rows } = await database.pool.query<{ kind: string; n: number }>(
      "select kind, count(*) as n from operations where workspace_id = any ($1) and kind = 'delete' group by workspace_id, kind",
      [[root.id, ...branches.map((branch) => branch.id)]],
    );
    expect(
      rows.map((row) => row.n),
      "one delete each",
    ).toEqual(Array(7).fill(1));
  });
});

describe("a change of a workspace", () => {
  it("is refused if it was changed since the version given", async () => {
    const workspace = await create();
    const changed = await patchWorkspace(
      context,
      workspace.id,
      { name: "other" },
      { ...BY_TEST, ifVersion: workspace.version },
    );
    expect(changed).toMatchObject({ name: "other", version: workspace.version + 1 });
    await expect(
      patchWorkspace(context, workspace.id, { name: "third" }, { ...BY_TEST, ifVersion: workspace.version }),
    ).rejects.toMatchObject({ code: "precondition_failed", details: { version: changed.version } });
  });

  it("must leave a spec that its backend can run", async () => {
    const { id } = await create();
    await expect(patchWorkspace(context, id, { spec: {} }, BY_TEST)).rejects.toMatchObject({
      code: "invalid_request",
      details: { errors: [expect.objectContaining({ field: "spec.command" })] },
    });
  });
});
