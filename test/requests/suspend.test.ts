import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { requestHibernate, requestPause } from "@berth/core/requests/suspend";
import { requestResume } from "@berth/core/requests/resume";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(() => stage.clear());
afterAll(() => stage.close());

const child = (parent: string) => stage.online({ parent_id: parent as never });
const status = async (id: string) => (await stage.workspace(id)).status;

describe("pause and resume", () => {
  it("stops the instance, keeps the volume, and starts the next generation with it", async () => {
    const { id } = await stage.online();
    const { operation, cascaded } = await requestPause(stage.deps, id, BY_TEST);
    expect([operation.kind, cascaded]).toEqual(["pause", 0]);
    await stage.settle();
    expect(await stage.workspace(id)).toMatchObject({ status: "paused", instance_id: null });
    expect(await stage.things()).toEqual([`vol-${id}`]);
    await requestResume(stage.deps, id, BY_TEST);
    await stage.settle();
    expect(await stage.workspace(id)).toMatchObject({ status: "online", generation: 2 });
    expect(await stage.things()).toHaveLength(2);
    expect((await stage.eventTypes(id)).filter((type) => /pause|resume/.test(type))).toEqual([
      "workspace.pause.requested",
      "workspace.pause.succeeded",
      "workspace.paused",
      "workspace.resume.requested",
      "workspace.resume.succeeded",
    ]);
  });

  it("takes all descendants along, and leaves alone those that don't run already", async () => {
    const root = await stage.online();
    const middle = await child(root.id);
    const leaf = await child(middle.id);
    const other = await child(root.id);
    await requestHibernate(stage.deps, other.id, BY_TEST);
    await stage.settle();
    const { operations, cascaded } = await requestPause(stage.deps, root.id, BY_TEST);
    expect([operations.length, cascaded]).toEqual([3, 2]);
    expect(operations.map(({ source }) => source)).toEqual(["api", "cascade", "cascade"]);
    await stage.settle();
    for (const { id } of [root, middle, leaf]) expect(await status(id)).toBe("paused");
    expect(await status(other.id)).toBe("hibernated");
  });

  it("resumes nothing whose ancestor doesn't run, and names the topmost one", async () => {
    const root = await stage.online();
    const middle = await child(root.id);
    const leaf = await child(middle.id);
    await requestPause(stage.deps, root.id, BY_TEST);
    await stage.settle();
    await expect(requestResume(stage.deps, leaf.id, BY_TEST)).rejects.toMatchObject({
      code: "ancestor_suspended",
      details: { workspace_id: root.id },
    });
    await requestResume(stage.deps, root.id, BY_TEST);
    await expect(requestResume(stage.deps, leaf.id, BY_TEST)).rejects.toMatchObject({
      details: { workspace_id: middle.id },
    });
    // An ancestor's resume that is accepted counts.
    await requestResume(stage.deps, middle.id, BY_TEST);
    await requestResume(stage.deps, leaf.id, BY_TEST);
    await stage.settle();
    expect(await status(leaf.id)).toBe("online");
  });

  it("answers a second request with the operation of the first", async () => {
    const { id } = await stage.online();
    const first = await requestPause(stage.deps, id, BY_TEST);
    const second = await requestPause(stage.deps, id, BY_TEST);
    expect(second.operation).toMatchObject({ id: first.operation.id, coalesced: 2 });
    await stage.settle();
    await expect(requestPause(stage.deps, id, BY_TEST)).rejects.toMatchObject({ code: "illegal_transition" });
    const resumed = await Promise.all([1, 2, 3].map(() => requestResume(stage.deps, id, BY_TEST)));
    expect(new Set(resumed.map(({ operation }) => operation.id)).size).toBe(1);
    await expect(requestRestart(stage.deps, id, BY_TEST)).resolves.toMatchObject({
      operation: { kind: "resume" },
    });
  });

  it("that no provider has taken leaves the workspace as it was, and its agent is heard (I14)", async () => {
    const { id, instance_id } = await stage.withAgent();
    stage.backend.faults.failBefore = 1;
    await requestPause(stage.deps, id, BY_TEST);
    await stage.settle();
    await stage.time.advance(60_000);
    await stage.settle();
    expect(await stage.workspace(id)).toMatchObject({ status: "online", instance_id });
    expect(await stage.eventTypes(id)).toContain("workspace.pause.stop_retry_exhausted");
    stage.backend.faults.failBefore = 0;
    await stage.time.advance(60_000);
    await stage.run("removed-instances");
    expect(await stage.things()).toEqual([instance_id, `vol-${id}`]);
    await stage.beat(id);
    expect((await stage.workspace(id)).last_heartbeat_at!.getTime()).toBeGreaterThan(0);
    await requestPause(stage.deps, id, BY_TEST);
    await stage.settle();
    expect(await status(id)).toBe("paused");
  });

  it("that a provider has taken and not proven is carried on to its end by the sweep (I14)", async () => {
    const { id } = await stage.online();
    const { stop } = stage.backend;
    stage.backend.stop = () => Promise.resolve("stopping");
    const limits = { ...stage.deps.limits };
    stage.deps.limits.stopTimeoutMs = 50;
    await requestPause(stage.deps, id, BY_TEST);
    await stage.settle();
    await stage.time.advance(60_000);
    await stage.settle();
    stage.deps.limits.stopTimeoutMs = limits.stopTimeoutMs;
    expect(await status(id)).toBe("failed");
    stage.backend.stop = stop;
    await stage.time.advance(60_000);
    await stage.run("removed-instances");
    expect(await stage.workspace(id)).toMatchObject({ status: "paused", instance_id: null });
    expect(await stage.things()).toEqual([`vol-${id}`]);
  });
});

describe("hibernate", () => {
  it("refuses while any workspace of the tree has active tasks, unless it is forced", async () => {
    const root = await stage.online();
    const leaf = await child(root.id);
    await stage.beat(leaf.id, 2);
    await expect(requestHibernate(stage.deps, root.id, BY_TEST)).rejects.toMatchObject({
      code: "has_active_tasks",
      details: { workspaces: [{ id: leaf.id, active_tasks: 2 }] },
    });
    await requestHibernate(stage.deps, root.id, { ...BY_TEST, force: true });
    await stage.settle();
    expect([await status(root.id), await status(leaf.id)]).toEqual(["hibernated", "hibernated"]);
    await requestResume(stage.deps, root.id, BY_TEST);
    await stage.settle();
    expect([await status(root.id), await status(leaf.id)]).toEqual(["online", "hibernated"]);
  });
});
