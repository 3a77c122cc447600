import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { getOperation } from "@berth/core/db/operations";
import { getWorkspace } from "@berth/core/db/workspaces";
import { cancelOperation } from "@berth/core/requests/cancel";
import { createWorkspace } from "@berth/core/requests/create";
import { retryOperation } from "@berth/core/requests/retry";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { liveThings } from "../support/recorded-backend.js";
import { ended } from "../support/wait.js";

describe("a cancelled operation that runs", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet({
      redisUrl: inject("redis").url,
      env: { BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "500" },
    });
    fleet.startWorker();
  });
  afterAll(() => fleet.close());

  it("stops at a safe point, leaves nothing running (I4, I7), and can be retried", async () => {
    // Never seen to run, the launch waits until it is told to stop.
    fleet.backend.faults.onProbe = (states) =>
      new Map([...states].map(([id, state]) => [id, state === "running" ? "starting" : state]));
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    await vi.waitFor(async () =>
      expect(await getOperation(fleet.pool, operation.id)).toMatchObject({ phase: "wait" }),
    );
    const asked = await cancelOperation(fleet.context, operation.id, BY_TEST);
    expect(asked).toMatchObject({ state: "running", cancel_requested_by: "test" });
    const [done] = await ended(fleet.pool, [operation.id]);
    expect(done).toMatchObject({ state: "cancelled", error: { message: "cancelled by test" } });
    expect(await getWorkspace(fleet.pool, workspace.id)).toMatchObject({ status: "failed" });
    await vi.waitFor(async () =>
      expect(await liveThings(fleet.pool)).toEqual([{ kind: "volume", workspace_id: workspace.id }]),
    );
    fleet.backend.faults.onProbe = (states) => states;
    const again = await retryOperation(fleet.context, operation.id, BY_TEST);
    const [restarted] = await ended(fleet.pool, [again!.id]);
    expect(restarted).toMatchObject({ kind: "restart", state: "succeeded", retry_of: operation.id });
  });
});
