import { BackendError } from "@berth/core/compute/backend-error";
import { listResources } from "@berth/core/db/resources";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

it("what a launch makes after its workspace's delete was accepted, before it learns of that, goes as well (I4)", async () => {
  const { launch } = stage.backend;
  stage.backend.launch = async ({ instance }) => {
    stage.backend.launch = launch;
    await removeWorkspace(stage.deps, instance.workspaceId, { cascade: false, ...BY_TEST });
    // So its volume is made anew, with a row that the delete hasn't seen.
    throw new BackendError("capacity", "transient", "no room");
  };
  const { workspace } = await createWorkspace(stage.deps, newWorkspace(), BY_TEST);
  await stage.settle();
  expect(await stage.things()).toEqual([]);
  const ledger = await listResources(stage.pool, workspace.id);
  expect(ledger.map(({ kind, state }) => `${kind} ${state}`).toSorted()).toEqual([
    "instance gone",
    "volume gone",
    "volume gone",
  ]);
});

it("a delete ends what a launch only prepares, such as a pull that hangs, and isn't kept waiting by it (I2)", async () => {
  const { launch } = stage.backend;
  stage.backend.launch = async ({ instance }, { unwanted }) => {
    stage.backend.launch = launch;
    await removeWorkspace(stage.deps, instance.workspaceId, { cascade: false, ...BY_TEST });
    await new Promise((resolve) => unwanted?.addEventListener("abort", resolve, { once: true }));
    throw new BackendError("aborted", "transient", "the pull was given up");
  };
  const { workspace } = await createWorkspace(stage.deps, newWorkspace(), BY_TEST);
  await stage.settle();
  const { rows } = await stage.pool.query("select kind, state from operations where workspace_id = $1", [
    workspace.id,
  ]);
  expect(rows).toEqual([
    { kind: "provision", state: "cancelled" },
    { kind: "delete", state: "succeeded" },
  ]);
  expect(await stage.things()).toEqual([]);
});
