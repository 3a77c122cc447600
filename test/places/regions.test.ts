import { getPlace } from "@berth/core/db/places";
import { getOperation } from "@berth/core/db/operations";
import { listResources } from "@berth/core/db/resources";
import { removeWorkspace } from "@berth/core/requests/delete";
import { listPlaceWorkers } from "@berth/core/db/place-workers";
import { expect, it, vi } from "vitest";
import { openEc2Fleet } from "../compute/ec2/fleet.js";
import { BY_TEST } from "../support/fleet.js";
import { ended } from "../support/wait.js";

it("a worker that is set to another Region proves nothing gone, and says which two Regions are meant (I12)", async () => {
  const fleet = await openEc2Fleet({ workers: 0 });
  const start = (region?: string) =>
    fleet.startWorker({
      backends: new Map([["ec2", fleet.lab.open(region === undefined ? {} : { region })]]),
    });
  const right = start();
  const id = await fleet.provisioned();
  await right.close();
  const { identity } = (await getPlace(fleet.pool, "ec2"))!;

  const wrong = start("us-east-1");
  const problem = `this worker's account and Region is aws:123456789012:us-east-1; place ec2 is ${identity}`;
  await vi.waitFor(
    async () =>
      expect(await listPlaceWorkers(fleet.pool, 60_000, "ec2")).toMatchObject([
        { state: "mismatch", problem },
      ]),
    { timeout: 20_000 },
  );
  const { operations } = await removeWorkspace(fleet.context, id, {
    cascade: false,
    purge: false,
    ...BY_TEST,
  });
  const [operation] = operations;
  await vi.waitFor(
    async () => {
      const { rows } = await fleet.pool.query(
        "select 1 from sweep_runs where sweep = 'dispatch' and started_at > $1",
        [operation!.created_at],
      );
      expect(rows.length).toBeGreaterThan(2);
    },
    { timeout: 20_000 },
  );
  expect(await getOperation(fleet.pool, operation!.id)).toMatchObject({ state: "queued", attempt: 0 });
  expect((await listResources(fleet.pool, id)).map(({ state }) => state)).toEqual(["releasing", "releasing"]);
  expect(fleet.lab.alive()).toHaveLength(1);

  await wrong.close();
  start();
  expect(await ended(fleet.pool, [operation!.id])).toMatchObject([{ state: "succeeded", attempt: 1 }]);
  expect(await fleet.left()).toEqual({ instances: 0, volumes: 0, records: 0 });
});
