import { getOperation } from "@berth/core/db/operations";
import { openResources } from "@berth/core/db/resources";
import { getWorkspace } from "@berth/core/db/workspaces";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { describe, expect, test } from "vitest";
import { BY_TEST } from "../../support/fleet.js";
import { ended } from "../../support/wait.js";
import { NOTHING, openEc2Fleet, type Ec2Fleet } from "./fleet.js";

const EXHAUSTED = "workspace.delete.terminate_retry_exhausted";

/** Asks for the delete; the ids of its operations, the root's first. */
async function remove(fleet: Ec2Fleet, id: string): Promise<string[]> {
  const { operations } = await removeWorkspace(fleet.context, id, { cascade: true, ...BY_TEST });
  return operations.map((operation) => operation.id);
}

describe("a terminate that fails", () => {
  test("for a while heals inline, and leaves no event", async () => {
    const fleet = await openEc2Fleet();
    const id = await fleet.provisioned();
    fleet.lab.fault({
      kind: "error",
      action: "TerminateInstances",
      code: "InternalError",
      status: 500,
      count: 7,
    });
    const [done] = await ended(fleet.pool, await remove(fleet, id));
    expect(done).toMatchObject({ state: "succeeded", attempt: 2 });
    expect(await fleet.events(EXHAUSTED)).toEqual([]);
    expect(await fleet.left()).toEqual(NOTHING);
  });

  test("tells its attempt and the provider's last error while it is still trying", async () => {
    const fleet = await openEc2Fleet({
      env: { BERTH_RETRY_DELAY_MS: "5000", BERTH_RETRY_MAX_DELAY_MS: "5000" },
    });
    const id = await fleet.provisioned();
    const instance = (await getWorkspace(fleet.pool, id))!.instance_id!;
    fleet.lab.fault({
      kind: "error",
      action: "TerminateInstances",
      code: "OperationNotPermitted",
      status: 400,
    });
    const [operation] = await remove(fleet, id);
    await expect
      .poll(async () => (await getOperation(fleet.pool, operation!))!.error)
      .toMatchObject({
        code: "termination_protected",
        provider_code: "OperationNotPermitted",
        message: expect.stringContaining(instance) as string,
      });
    expect(await getOperation(fleet.pool, operation!)).toMatchObject({
      state: "running",
      attempt: 1,
      max_attempts: 5,
    });
  });

  test("for all attempts leaves its trace in one transaction, the obligation, and a workspace that knows its instance", async () => {
    const fleet = await openEc2Fleet();
    const id = await fleet.provisioned();
    const instance = (await getWorkspace(fleet.pool, id))!.instance_id!;
    fleet.lab.fault({
      kind: "error",
      action: "TerminateInstances",
      code: "OperationNotPermitted",
      status: 400,
    });
    const [failed] = await ended(fleet.pool, await remove(fleet, id));
    expect(failed).toMatchObject({
      state: "failed",
      attempt: 5,
      error: { code: "terminate_retry_exhausted", provider_code: "OperationNotPermitted" },
    });
    const [event] = await fleet.events(EXHAUSTED);
    expect(event).toMatchObject({
      workspace_id: id,
      operation_id: failed!.id,
      payload: {
        workspace_id: id,
        instance_id: instance,
        attempts: 5,
        provider_code: "OperationNotPermitted",
        message: expect.stringContaining(instance) as string,
        next_attempt_at: expect.any(String) as string,
      },
    });
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "removed", instance_id: instance });
    expect(await openResources(fleet.pool, id)).toMatchObject([
      { state: "releasing" },
      { state: "releasing" },
    ]);

    // A second DELETE drives what is owed.
    fleet.lab.clearFaults();
    expect(await ended(fleet.pool, await remove(fleet, id))).toMatchObject([{ state: "succeeded" }]);
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "removed", instance_id: null });
    expect(await fleet.left()).toEqual(NOTHING);
    expect(await remove(fleet, id)).toEqual([]);
  });

  test("because the instance is stuck shutting down is told as such, and the volume stays until it has ended (I8)", async () => {
    const fleet = await openEc2Fleet({ env: { BERTH_RETRY_ATTEMPTS: "2", BERTH_CALL_TIMEOUT_MS: "200" } });
    const id = await fleet.provisioned();
    fleet.lab.fault({ kind: "stuck", state: "shutting-down" });
    const [failed] = await ended(fleet.pool, await remove(fleet, id));
    expect(failed).toMatchObject({ state: "failed", phase: "stop" });
    const [event] = await fleet.events(EXHAUSTED);
    expect(event!.payload).toMatchObject({
      attempts: 2,
      code: "backend_timeout",
      message: expect.stringMatching(/still/) as string,
    });
    expect(await fleet.left()).toMatchObject({ instances: 1, volumes: 2 });

    await fetch(`${fleet.lab.url}/_sim/instances/${String(event!.payload["instance_id"])}/release`, {
      method: "POST",
    });
    await ended(fleet.pool, await remove(fleet, id));
    expect(await fleet.left()).toEqual(NOTHING);
  });

  test("in a restart fails it with its own event, and never starts a second instance beside the first (I1)", async () => {
    const fleet = await openEc2Fleet({ env: { BERTH_RETRY_ATTEMPTS: "2", BERTH_CALL_TIMEOUT_MS: "200" } });
    const id = await fleet.provisioned();
    fleet.lab.fault({ kind: "no_effect", action: "TerminateInstances" });
    const { operation } = await requestRestart(fleet.context, id, BY_TEST);
    const [failed] = await ended(fleet.pool, [operation.id]);
    expect(failed!.error).toMatchObject({ code: "stop_retry_exhausted" });
    expect(await fleet.events("workspace.restart.stop_retry_exhausted")).toMatchObject([
      { workspace_id: id, payload: { attempts: 2, next_attempt_at: expect.any(String) as string } },
    ]);
    expect(fleet.lab.alive()).toHaveLength(1);
    expect(fleet.lab.calls("RunInstances")).toHaveLength(1);
  });

  test("whose worker ends meanwhile is no exhaustion: it is handed back, without an event", async () => {
    const fleet = await openEc2Fleet({
      workers: 0,
      env: { BERTH_RETRY_ATTEMPTS: "1", BERTH_SHUTDOWN_GRACE_MS: "50", BERTH_CALL_TIMEOUT_MS: "20000" },
    });
    const backends = new Map([["ec2", fleet.lab.open()]]);
    const worker = fleet.startWorker({ backends });
    const id = await fleet.provisioned();
    fleet.lab.fault({ kind: "stuck", state: "shutting-down", count: 1 });
    const [operation] = await remove(fleet, id);
    await expect.poll(() => fleet.lab.calls("TerminateInstances")).toHaveLength(1);
    await worker.close();
    expect(await fleet.events(EXHAUSTED)).toEqual([]);
    expect(await getOperation(fleet.pool, operation!)).toMatchObject({
      state: expect.not.stringMatching("failed") as string,
      attempt: 0,
    });

    await fetch(`${fleet.lab.url}/_sim/instances/${fleet.lab.alive()[0]!}/release`, { method: "POST" });
    fleet.startWorker({ backends });
    expect(await ended(fleet.pool, [operation!])).toMatchObject([{ state: "succeeded", attempt: 1 }]);
  });
});

test("fifty failing descendants each have their own budget of attempts, and a replay drives exactly those that still owe", async () => {
  const fleet = await openEc2Fleet({ env: { BERTH_RETRY_ATTEMPTS: "3", BERTH_CALL_TIMEOUT_MS: "2000" } });
  const root = await fleet.create();
  const descendants = [];
  for (let n = 0, parent = root.id; n < 50; n++) {
    const made = await fleet.create(parent);
    descendants.push(made);
    // A chain of five below each tenth: obligations at any depth.
    parent = n % 5 === 4 ? root.id : made.id;
  }
  await ended(
    fleet.pool,
    [root, ...descendants].map(({ operation }) => operation),
  );
  expect(fleet.lab.alive()).toHaveLength(51);

  fleet.lab.fault({
    kind: "error",
    action: "TerminateInstances",
    code: "OperationNotPermitted",
    status: 400,
  });
  const failed = await ended(fleet.pool, await remove(fleet, root.id));
  expect(failed).toHaveLength(51);
  for (const one of failed) expect(one).toMatchObject({ state: "failed", attempt: 3 });
  const events = await fleet.events(EXHAUSTED);
  expect(new Set(events.map((event) => event.workspace_id)).size).toBe(51);
  expect(events.every((event) => event.payload["attempts"] === 3)).toBe(true);

  // The root and one leaf come free first: then only the rest is driven.
  fleet.lab.clearFaults();
  const leaf = descendants[4]!;
  await ended(fleet.pool, await remove(fleet, leaf.id));
  const again = await remove(fleet, root.id);
  expect(again).toHaveLength(50);
  for (const one of await ended(fleet.pool, again)) expect(one).toMatchObject({ state: "succeeded" });
  expect(await fleet.left()).toEqual(NOTHING);
  expect(await remove(fleet, root.id)).toEqual([]);
}, 180_000);
