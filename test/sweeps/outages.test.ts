import { BackendError } from "@berth/core/compute/backend-error";
import { createExternalBackend } from "@berth/core/compute/external";
import { why } from "@berth/core/operations/why";
import { createWorkspace } from "@berth/core/requests/create";
import { requestPause } from "@berth/core/requests/suspend";
import { requestRestart } from "@berth/core/requests/restart";
import { requestResume } from "@berth/core/requests/resume";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { openStage, type Stage } from "./stage.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let stage: Stage;
let works: Stage["backend"]["launch"];
beforeAll(async () => {
  stage = await openStage();
  works = stage.backend.launch;
});
beforeEach(async () => {
  stage.backend.launch = works;
  await stage.clear();
});
afterAll(() => stage.close());

const drought = () =>
  (stage.backend.launch = () =>
    Promise.reject(new BackendError("capacity", "permanent", "no room in any zone", { passing: true })));
/** Lets time pass as the sweep's beat does. @returns when each restart was asked for, in ms */
async function pass(ms: number): Promise<number[]> {
  const asked: number[] = [];
  for (let at = 0; at < ms; at += MINUTE) {
    await stage.time.advance(MINUTE);
    if ((await stage.run("instance-state"))?.["restarting"] === 1) asked.push(at);
    await stage.settle();
  }
  return asked;
}

describe("a shortage of capacity (I14)", () => {
  it("is waited out by what Berth began: at growing intervals, offline, with the reason and the next try", async () => {
    const { id, instance_id } = await stage.online();
    await stage.time.advance(MINUTE);
    drought();
    await stage.kill(instance_id!);
    const asked = await pass(3 * HOUR);
    expect(asked.length).toBeGreaterThan(12);
    const pauses = asked.slice(1).map((at, index) => at - asked[index]!);
    expect(Math.max(...pauses), "as long as the setting says, to the next beat").toBeLessThanOrEqual(
      11 * MINUTE,
    );
    expect(pauses[0]).toBeLessThan(pauses.at(-1)!);
    const { next_restart_at, status, status_reason } = await stage.workspace(id);
    expect({ status, status_reason }).toEqual({
      status: "offline",
      status_reason: "capacity: no room in any zone",
    });
    expect(await why(stage.pool, id)).toMatchObject({
      waits_for: "retry",
      next_attempt_at: next_restart_at,
      summary: expect.stringContaining("its restart is tried again at"),
    });
    stage.backend.launch = works;
    await pass(15 * MINUTE);
    expect(await stage.workspace(id)).toMatchObject({
      status: "online",
      next_restart_at: null,
      restart_tries: 0,
    });
    expect(await stage.eventTypes(id)).not.toContain("workspace.crash_loop");
  });

  it("fails it when it has lasted for as long as the setting says", async () => {
    const { id, instance_id } = await stage.online();
    await stage.time.advance(MINUTE);
    drought();
    await stage.kill(instance_id!);
    await pass(10 * MINUTE);
    await stage.time.advance(25 * HOUR);
    await pass(MINUTE);
    expect(await stage.workspace(id)).toMatchObject({
      status: "failed",
      status_reason: expect.stringMatching(/^given up after \d+ restarts in 25 h; the last: capacity/),
    });
  });

  it.each(["restart", "resume"])(
    "fails a person's %s at once, and the workspace comes back by itself",
    async (kind) => {
      const { id } = await stage.online();
      if (kind === "resume") {
        await requestPause(stage.deps, id, BY_TEST);
        await stage.settle();
      }
      drought();
      const ask = kind === "resume" ? requestResume : requestRestart;
      const { operation } = await ask(stage.deps, id, BY_TEST);
      await stage.settle();
      const { rows } = await stage.pool.query("select state from operations where id = $1", [operation.id]);
      expect(rows).toEqual([{ state: "failed" }]);
      expect(await stage.workspace(id)).toMatchObject({ status: "offline", instance_id: null });
      stage.backend.launch = works;
      await pass(2 * MINUTE);
      expect(await stage.workspace(id)).toMatchObject({ status: "online" });
    },
  );

  it("leaves what a person has paused meanwhile alone", async () => {
    const { id } = await stage.online();
    drought();
    await requestRestart(stage.deps, id, BY_TEST);
    await stage.settle();
    await requestPause(stage.deps, id, BY_TEST);
    await stage.settle();
    stage.backend.launch = works;
    await pass(5 * MINUTE);
    expect(await stage.workspace(id)).toMatchObject({ status: "paused" });
  });
});

it("eight that run elsewhere and whose agents never come are offline, whatever the breaker would hold (I13)", async () => {
  const backends = new Map([...stage.deps.backends, ["external", createExternalBackend()] as const]);
  for (let n = 0; n < 8; n++)
    await createWorkspace(stage.deps, { ...newWorkspace(), backend: "external", spec: {} }, BY_TEST);
  await stage.pool.query("update workspaces set status = 'awaiting_agent'");
  await stage.pool.query(
    "update operations set state = 'succeeded', started_at = created_at, finished_at = created_at",
  );
  await stage.pool.query("update gates set head = tail");
  await stage.time.advance(11 * MINUTE);
  await stage.listened();
  expect(await stage.run("provisioning-timeout", { backends })).toMatchObject({ would_act: 8, offline: 8 });
  const { rows } = await stage.pool.query("select distinct status from workspaces");
  expect(rows).toEqual([{ status: "offline" }]);
});
