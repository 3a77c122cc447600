import { removeWorkspace } from "@berth/core/requests/delete";
import { patchWorkspace } from "@berth/core/requests/patch";
import { requestRestart } from "@berth/core/requests/restart";
import { requestResume } from "@berth/core/requests/resume";
import { requestHibernate, requestPause } from "@berth/core/requests/suspend";
import { getWorkspace } from "@berth/core/db/workspaces";
import { describe, expect, test, vi } from "vitest";
import { BY_TEST } from "../../support/fleet.js";
import { ended } from "../../support/wait.js";
import { type Ec2Fleet, openEc2Fleet, QUICK } from "./fleet.js";

const expire = (fleet: Ec2Fleet) => fleet.lab.fault({ kind: "error", code: "ExpiredToken", status: 400 });

/** Waits until the sweep that ends what is owed has looked twice from now on. */
async function sweptTwice({ pool }: Ec2Fleet): Promise<void> {
  const runs = async () =>
    (
      await pool.query(
        "select 1 from sweep_runs where sweep = 'removed-instances' and finished_at is not null",
      )
    ).rowCount!;
  const from = await runs();
  await vi.waitFor(async () => expect(await runs()).toBeGreaterThan(from + 2));
}

describe("while AWS refuses every call, since the credentials have expired", () => {
  test.each([
    ["restart", (fleet: Ec2Fleet, id: string) => requestRestart(fleet.context, id, BY_TEST)],
    ["pause", (fleet: Ec2Fleet, id: string) => requestPause(fleet.context, id, BY_TEST)],
    ["hibernate", (fleet: Ec2Fleet, id: string) => requestHibernate(fleet.context, id, BY_TEST)],
  ])("a %s leaves the instance as it was, and no sweep ends it later (I14)", async (_, request) => {
    const fleet = await openEc2Fleet({ env: QUICK });
    const id = await fleet.provisioned();
    const before = await getWorkspace(fleet.pool, id);
    expire(fleet);
    const { operation } = await request(fleet, id);
    expect(await ended(fleet.pool, [operation.id])).toMatchObject([{ state: "failed" }]);
    const same = { status: "online", generation: 1, instance_id: before!.instance_id };
    expect(await getWorkspace(fleet.pool, id)).toMatchObject(same);
    fleet.lab.clearFaults();
    await sweptTwice(fleet);
    expect(fleet.lab.alive()).toEqual([before!.instance_id]);
    expect(await getWorkspace(fleet.pool, id)).toMatchObject(same);
  });

  test("a restart after a change leaves what ran, and the next one starts what was changed (I14)", async () => {
    const fleet = await openEc2Fleet({ env: QUICK });
    const id = await fleet.provisioned(null, { tier: 1 });
    const before = await getWorkspace(fleet.pool, id);
    await patchWorkspace(fleet.context, id, { spec: { ...before!.spec, tier: 2 } }, BY_TEST);
    expire(fleet);
    const { operation } = await requestRestart(fleet.context, id, BY_TEST);
    expect(await ended(fleet.pool, [operation.id])).toMatchObject([{ state: "failed" }]);
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({
      status: "online",
      instance_id: before!.instance_id,
      spec: { tier: 2 },
    });
    fleet.lab.clearFaults();
    const again = await requestRestart(fleet.context, id, BY_TEST);
    expect(await ended(fleet.pool, [again.operation.id])).toMatchObject([{ state: "succeeded" }]);
    const after = await getWorkspace(fleet.pool, id);
    expect(after!.instance_id).not.toBe(before!.instance_id);
    expect(fleet.lab.alive()).toEqual([after!.instance_id]);
  });

  test("a resume fails at once and the workspace comes back by itself when they are new (I14)", async () => {
    const fleet = await openEc2Fleet({ env: QUICK });
    const id = await fleet.provisioned();
    await ended(fleet.pool, [(await requestPause(fleet.context, id, BY_TEST)).operation.id]);
    expire(fleet);
    const { operation } = await requestResume(fleet.context, id, BY_TEST);
    expect(await ended(fleet.pool, [operation.id])).toMatchObject([{ state: "failed" }]);
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({
      status: "offline",
      status_reason: expect.stringContaining("credentials"),
    });
    fleet.lab.clearFaults();
    await vi.waitFor(async () =>
      expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "online", restart_tries: 0 }),
    );
    expect(fleet.lab.alive()).toHaveLength(1);
  });

  test("the delete of a parent with its children fails, says so, and is carried on to its end (I14)", async () => {
    const fleet = await openEc2Fleet({ env: QUICK });
    const parent = await fleet.provisioned();
    const child = await fleet.provisioned(parent);
    expire(fleet);
    const { operation } = await removeWorkspace(fleet.context, parent, { ...BY_TEST, cascade: true });
    expect(await ended(fleet.pool, [operation!.id])).toMatchObject([
      { state: "failed", error: { code: "terminate_retry_exhausted" } },
    ]);
    await vi.waitFor(async () =>
      expect(await fleet.events("workspace.delete.terminate_retry_exhausted")).toHaveLength(2),
    );
    expect(fleet.lab.alive()).toHaveLength(2);
    fleet.lab.clearFaults();
    await vi.waitFor(async () =>
      expect(await fleet.left()).toEqual({ instances: 0, volumes: 0, records: 0 }),
    );
    for (const id of [parent, child])
      expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "removed" });
  });
});
