import { getWorkspace } from "@berth/core/db/workspaces";
import { requestRestart } from "@berth/core/requests/restart";
import { expect, test, vi } from "vitest";
import { BY_TEST } from "../../support/fleet.js";
import { ended } from "../../support/wait.js";
import { openEc2Fleet } from "./fleet.js";

const QUICK = {
  BERTH_RETRY_ATTEMPTS: "2",
  BERTH_RESTART_DEBOUNCE_MS: "0",
  BERTH_RESTART_LONGEST_PAUSE_MS: "500",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "300",
  BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "300",
  BERTH_SWEEPS_PAUSED: "leaked-instances,docker-orphans",
};

test("a spot instance that is reclaimed while AWS has no room comes back when it has, and never fails (I14)", async () => {
  const fleet = await openEc2Fleet({ env: QUICK });
  const id = await fleet.provisioned(null, { ec2: { spot: true } });
  fleet.lab.fault({ kind: "capacity" });
  await fetch(`${fleet.lab.url}/_sim/instances/${fleet.lab.alive()[0]!}/reclaim`, { method: "POST" });
  const failures = async () => (await fleet.events("workspace.restart.failed")).length;
  await vi.waitFor(async () => expect(await failures()).toBeGreaterThan(1));
  await vi.waitFor(async () =>
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({
      status: "offline",
      status_reason: expect.stringContaining("capacity"),
    }),
  );
  fleet.lab.clearFaults();
  await vi.waitFor(async () =>
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "online", restart_tries: 0 }),
  );
  expect(await fleet.events("workspace.failed")).toEqual([]);
});

test("a restart while AWS refuses every call leaves the instance as it was, and no sweep ends it later (I14)", async () => {
  const fleet = await openEc2Fleet({ env: QUICK });
  const id = await fleet.provisioned();
  const before = await getWorkspace(fleet.pool, id);
  fleet.lab.fault({ kind: "error", code: "ExpiredToken", status: 400 });
  const { operation } = await requestRestart(fleet.context, id, BY_TEST);
  expect(await ended(fleet.pool, [operation.id])).toMatchObject([{ state: "failed" }]);
  const same = { status: "online", generation: 1, instance_id: before!.instance_id };
  expect(await getWorkspace(fleet.pool, id)).toMatchObject(same);
  fleet.lab.clearFaults();
  const runs = async () =>
    (
      await fleet.pool.query(
        "select 1 from sweep_runs where sweep = 'removed-instances' and finished_at is not null",
      )
    ).rowCount!;
  const from = await runs();
  await vi.waitFor(async () => expect(await runs()).toBeGreaterThan(from + 2));
  expect(fleet.lab.alive()).toEqual([before!.instance_id]);
  expect(await getWorkspace(fleet.pool, id)).toMatchObject(same);
});
