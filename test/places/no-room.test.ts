import { createWorkspace } from "@berth/core/requests/create";
import { getWorkspace } from "@berth/core/db/workspaces";
import { expect, it, vi } from "vitest";
import { openEc2Fleet } from "../compute/ec2/fleet.js";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { aliveOn, expectNoOverlap } from "../support/ec2-witness.js";
import { ended } from "../support/wait.js";

const QUICK = {
  BERTH_RETRY_ATTEMPTS: "2",
  BERTH_SWEEP_DRAIN_EVERY_MS: "300",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "300",
  BERTH_SWEEPS_PAUSED: "leaked-instances,docker-orphans,removed-instances",
};

it("what a Region has no room for starts in another one only if it may move, and only while it has no data (I1, I14)", async () => {
  const fleet = await openEc2Fleet({ workers: 0, env: QUICK });
  const { lab, pool, context } = fleet;
  const near = lab.open();
  const far = lab.open({ region: "us-east-1" });
  fleet.startWorker({
    backends: new Map([
      ["ec2", near],
      ["us", far],
    ]),
  });
  await vi.waitFor(async () => {
    const { rows } = await pool.query("select 1 from place_workers where state = 'confirmed'");
    expect(rows).toHaveLength(2);
  });
  const create = async (mayMove: boolean) => {
    const spec = { readiness: "running" as const };
    const given = { ...newWorkspace(), backend: "ec2" as const, spec, place: "ec2", may_move: mayMove };
    const { workspace, operation } = await createWorkspace(context, given, BY_TEST);
    await ended(pool, [operation.id]);
    return workspace.id;
  };
  const withData = await create(true);
  const full = { kind: "capacity" as const, region: "eu-west-1" };
  lab.fault(full);
  const [goes, stays] = [await create(true), await create(false)];
  await vi.waitFor(async () =>
    expect(await getWorkspace(pool, goes)).toMatchObject({ place: "us", status: "online" }),
  );
  expect(await getWorkspace(pool, stays)).toMatchObject({ place: "ec2", status: "failed" });
  expect((await fleet.events("workspace.moved")).map(({ payload }) => payload)).toMatchObject([
    { place: "us", from_place: "ec2", why: "place ec2 has no room for it", requested_by: "drain" },
  ]);

  // One that ran has its volume there, and waits for room.
  const instance = (await getWorkspace(pool, withData))!.instance_id!;
  await fetch(`${lab.url}/_sim/instances/${instance}/terminate`, { method: "POST" });
  await vi.waitFor(async () =>
    expect(await getWorkspace(pool, withData)).toMatchObject({
      status: "offline",
      status_reason: expect.stringContaining("capacity"),
    }),
  );
  const runs = async () =>
    (await pool.query("select count(*)::int as n from sweep_runs where sweep = 'drain@ec2'")).rows[0].n;
  const before = await runs();
  await vi.waitFor(async () => expect(await runs()).toBeGreaterThan(before + 2));
  expect(await getWorkspace(pool, withData)).toMatchObject({ place: "ec2" });
  expectNoOverlap(lab.sim);
  expect(aliveOn(lab.sim).length).toBeGreaterThan(0);
});
