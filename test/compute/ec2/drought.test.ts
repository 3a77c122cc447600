import { getWorkspace } from "@berth/core/db/workspaces";
import { expect, test, vi } from "vitest";
import { openEc2Fleet, QUICK } from "./fleet.js";

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
