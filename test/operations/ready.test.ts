import { BackendError } from "@berth/core/compute/backend-error";
import { listResources } from "@berth/core/db/resources";
import { patchWorkspace } from "@berth/core/requests/patch";
import { requestRestart } from "@berth/core/requests/restart";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(() => stage.clear());
afterAll(() => stage.close());

const missing = (code: "image_not_found" | "volume_missing") =>
  new BackendError(code, "permanent", "it isn't there");

async function restarted(id: string, newVolume = false) {
  const { operation } = await requestRestart(stage.deps, id, { ...BY_TEST, newVolume });
  await stage.settle();
  const { rows } = await stage.pool.query("select state, error from operations where id = $1", [
    operation.id,
  ]);
  return rows[0] as { state: string; error: { code: string } | null };
}

it.each(["image_not_found", "volume_missing"] as const)(
  "a restart that couldn't start again stops nothing: %s (I14)",
  async (code) => {
    const before = await stage.online();
    await patchWorkspace(
      stage.deps,
      before.id,
      { spec: { ...before.spec, image: "nobody/has:it" } },
      BY_TEST,
    );
    const asked: (string | undefined)[] = [];
    stage.backend.ready = async ({ image }) => {
      asked.push(image);
      throw missing(code);
    };
    expect(await restarted(before.id)).toMatchObject({ state: "failed", error: { code } });
    expect(asked).toEqual(["nobody/has:it"]);
    const { status, instance_id, generation } = before;
    expect(await stage.workspace(before.id)).toMatchObject({ status, instance_id, generation });
    expect(await stage.things()).toContain(instance_id);
    const rows = await listResources(stage.pool, before.id);
    expect(rows.map(({ state }) => state)).toEqual(["present", "present"]);
    const told = await stage.eventTypes(before.id);
    expect(told.includes("workspace.volume.missing")).toBe(code === "volume_missing");
    expect(told).not.toContain("workspace.failed");
    delete stage.backend.ready;
    expect(await restarted(before.id)).toMatchObject({ state: "succeeded" });
  },
);

it("a restart that may have a new volume looks for none", async () => {
  const { id } = await stage.online();
  const asked: unknown[] = [];
  stage.backend.ready = async ({ volume }) => void asked.push(volume?.workspaceId ?? null);
  expect(await restarted(id)).toMatchObject({ state: "succeeded" });
  expect(await restarted(id, true)).toMatchObject({ state: "succeeded" });
  expect(asked).toEqual([id, null]);
  delete stage.backend.ready;
});

it("where nothing runs that could be kept, a restart goes on to its end and asks for nothing beforehand", async () => {
  const { id, instance_id } = await stage.online();
  await stage.time.advance(60_000);
  stage.backend.ready = () => Promise.reject(missing("image_not_found"));
  await stage.kill(instance_id!);
  await stage.run("instance-state");
  await stage.settle();
  expect(await stage.workspace(id)).toMatchObject({ status: "online", generation: 2 });
  delete stage.backend.ready;
});
