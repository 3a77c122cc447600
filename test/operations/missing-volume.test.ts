import { BackendError } from "@berth/core/compute/backend-error";
import { listResources } from "@berth/core/db/resources";
import { why } from "@berth/core/operations/why";
import { requestRestart } from "@berth/core/requests/restart";
import { requestResume } from "@berth/core/requests/resume";
import { requestPause } from "@berth/core/requests/suspend";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

it("a volume that vanished while its workspace was paused fails the resume by name, and nothing is made; with new_volume it goes on", async () => {
  const { id } = await stage.online();
  await requestPause(stage.deps, id, BY_TEST);
  await stage.settle();
  const [volume] = await stage.things();
  await stage.pool.query("update provider_things set removed_at = clock_timestamp() where id = $1", [volume]);

  const { operation } = await requestResume(stage.deps, id, BY_TEST);
  await stage.settle();
  const { rows } = await stage.pool.query("select state, attempt, error from operations where id = $1", [
    operation.id,
  ]);
  expect(rows).toMatchObject([{ state: "failed", attempt: 1, error: { code: "volume_missing" } }]);
  expect(rows[0].error.message).toContain(`ws-${id}`);
  expect(await stage.things(), "nothing is made").toEqual([]);
  const told = (await stage.events()).filter(({ event_type }) => event_type === "workspace.volume.missing");
  expect(told.map(({ payload }) => payload)).toMatchObject([{ volume_id: volume, new_volume: false }]);
  expect((await why(stage.pool, id)).summary).toMatch(/volume_missing.*restart --new-volume/);
  await expect(requestResume(stage.deps, id, BY_TEST)).rejects.toMatchObject({ code: "illegal_transition" });

  const again = await requestResume(stage.deps, id, { ...BY_TEST, newVolume: true });
  expect(again.operation, "it has failed, so it is restarted").toMatchObject({ kind: "restart" });
  await stage.settle();
  expect(await stage.workspace(id)).toMatchObject({ status: "online" });
  const volumes = (await listResources(stage.pool, id)).filter(({ kind }) => kind === "volume");
  expect(volumes.map(({ state }) => state).toSorted()).toEqual(["gone", "present"]);
  const events = (await stage.events()).filter(({ operation_id }) => operation_id === again.operation.id);
  expect(events.find(({ event_type }) => event_type === "workspace.volume.missing")?.payload).toMatchObject({
    volume_id: volume,
    new_volume: true,
    requested_by: "test",
  });
});

it("a restart that still waits is told that a new volume may be made, by whoever asks for that meanwhile (I2)", async () => {
  const { id } = await stage.online();
  const plain = await requestRestart(stage.deps, id, BY_TEST);
  const anew = await requestRestart(stage.deps, id, { ...BY_TEST, newVolume: true });
  expect(anew.operation).toMatchObject({ id: plain.operation.id, coalesced: 2, new_volume: true });
  const later = await requestRestart(stage.deps, id, BY_TEST);
  expect(later.operation).toMatchObject({ id: plain.operation.id, coalesced: 3, new_volume: true });
  await stage.settle();
  expect(await stage.workspace(id)).toMatchObject({ status: "online" });
});

it("a restart that may make its volume anew and fails for a cause that passes is tried again as it was asked for (I14)", async () => {
  const { id } = await stage.online();
  await requestPause(stage.deps, id, BY_TEST);
  await stage.settle();
  await stage.pool.query("update provider_things set removed_at = clock_timestamp() where id = $1", [
    `vol-${id}`,
  ]);
  const { createVolume } = stage.backend;
  stage.backend.createVolume = () =>
    Promise.reject(new BackendError("credentials", "permanent", "they have expired", { passing: true }));
  await requestResume(stage.deps, id, { ...BY_TEST, newVolume: true });
  await stage.settle();
  expect(await stage.workspace(id)).toMatchObject({ status: "offline" });
  stage.backend.createVolume = createVolume;
  await stage.time.advance(60_000);
  await stage.run("instance-state");
  await stage.settle();
  expect(await stage.workspace(id)).toMatchObject({ status: "online" });
});
