import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { getWorkspace } from "@berth/core/db/workspaces";
import { listEvents } from "@berth/core/db/events";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { liveThings } from "../support/recorded-backend.js";
import { ended } from "../support/wait.js";

describe.each(["redis", "postgres"] as const)("operations on BullMQ's %s store", (store) => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet({ redisUrl: store === "redis" ? inject("redis").url : null });
    fleet.startWorker();
  });
  afterAll(() => fleet.close());

  it("provisions, restarts with the same volume, and deletes without leaving anything", async () => {
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    expect(workspace).toMatchObject({ status: "provisioning", generation: 0, instance_id: null });
    await ended(fleet.pool, [operation.id]);
    const online = await getWorkspace(fleet.pool, workspace.id);
    expect(online).toMatchObject({
      status: "online",
      generation: 1,
      instance_id: expect.stringMatching(/^i-/),
    });

    const restart = await requestRestart(fleet.context, workspace.id, BY_TEST);
    const [done] = await ended(fleet.pool, [restart.operation.id]);
    expect(done).toMatchObject({ state: "succeeded", attempt: 1, generation: 2 });
    const again = await getWorkspace(fleet.pool, workspace.id);
    expect(again).toMatchObject({ status: "online", generation: 2 });
    expect(again!.instance_id).not.toBe(online!.instance_id);
    expect(await liveThings(fleet.pool)).toEqual([
      { kind: "instance", workspace_id: workspace.id },
      { kind: "volume", workspace_id: workspace.id },
    ]);

    const removal = await removeWorkspace(fleet.context, workspace.id, { cascade: false, ...BY_TEST });
    expect(removal.workspace).toMatchObject({ status: "removed", instance_id: again!.instance_id });
    await ended(fleet.pool, [removal.operation!.id]);
    expect(await getWorkspace(fleet.pool, workspace.id)).toMatchObject({
      status: "removed",
      instance_id: null,
    });
    expect(await liveThings(fleet.pool)).toEqual([]);
    const events = await listEvents(fleet.pool, { workspaceId: workspace.id, limit: 100 });
    expect(events.map((event) => event.event_type)).toEqual([
      "workspace.provisioning",
      "workspace.instance.launched",
      "workspace.provision.succeeded",
      "workspace.online",
      "workspace.restart.requested",
      "workspace.instance.gone",
      "workspace.instance.launched",
      "workspace.restart.succeeded",
      "workspace.online",
      "workspace.removed",
      "workspace.instance.gone",
      "workspace.delete.succeeded",
    ]);
  });
});
