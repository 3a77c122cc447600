import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { readConfig } from "@berth/core/config/config";
import { getOperations } from "@berth/core/db/operations";
import { createWorkspace } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import type { Backend } from "@berth/core/compute/backend";
import { openEc2Fleet } from "../compute/ec2/fleet.js";
import { startHangingRegistry } from "../harness/fleet/registry.js";
import { BY_TEST, fleetEnvironment, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { INSTALLATION } from "../support/installations.js";
import { ended } from "../support/wait.js";

// As many as an installation has that sets nothing, and at the delays of a real provider.
vi.setConfig({ testTimeout: 300_000 });

const remove = async (fleet: Fleet, id: string): Promise<string> =>
  (await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST })).operation!.id;
const processWorkspace = async (fleet: Fleet) => createWorkspace(fleet.context, newWorkspace(), BY_TEST);

test.skipIf(inject("docker") === null)(
  "ten pulls from a registry that hangs keep no other place waiting, nor a delete of theirs, and each ends within a minute (I15)",
  async () => {
    const registry = await startHangingRegistry();
    const env = { BERTH_BACKENDS: "process,docker", BERTH_RETRY_ATTEMPTS: "1" };
    const fleet = await startFleet({ redisUrl: inject("redis").url, env });
    // The limit is that of an installation which sets none.
    const { dockerPullStallMs: pullStallMs } = readConfig(
      "worker",
      fleetEnvironment(fleet.database.url, null),
    );
    expect(pullStallMs).toBeLessThan(60_000);
    const backend = createDockerBackend({
      deploymentId: `hangs-${fleet.database.url.slice(-6).toLowerCase()}`,
      installationId: INSTALLATION,
      host: `unix://${inject("docker")!.socketPath}`,
      stopGraceMs: 1_000,
      pullStallMs,
    });
    onTestFinished(async () => {
      await fleet.close();
      await backend.close();
      await registry.close();
    });
    fleet.startWorker({
      backends: new Map<string, Backend>([
        ["process", fleet.backend],
        ["docker", backend],
      ]),
    });
    const hanging = await Promise.all(
      Array.from({ length: fleet.config.concurrency }, () =>
        createWorkspace(
          fleet.context,
          { ...newWorkspace(), backend: "docker", spec: { image: registry.image, readiness: "running" } },
          BY_TEST,
        ),
      ),
    );
    expect(hanging).toHaveLength(10);
    const ids = hanging.map(({ operation }) => operation.id);
    const launching = async () =>
      (await getOperations(fleet.pool, ids)).filter(
        ({ state, phase }) => state === "running" && phase === "launch",
      );
    await vi.waitFor(async () => expect(await launching()).toHaveLength(10));

    const { operation } = await processWorkspace(fleet);
    expect(await ended(fleet.pool, [operation.id])).toMatchObject([{ state: "succeeded" }]);
    expect(await ended(fleet.pool, [await remove(fleet, hanging[0]!.workspace.id)])).toMatchObject([
      { state: "succeeded" },
    ]);
    expect(await launching(), "the other nine are still at it").toHaveLength(9);

    for (const { state, error } of await ended(fleet.pool, ids.slice(1)))
      expect({ state, error }).toMatchObject({
        state: "failed",
        error: {
          code: "backend_timeout",
          retryable: true,
          message: expect.stringMatching(/its registry may hang/),
        },
      });
    // From the call to its end: what comes before it is a busy machine's.
    const { rows } = await fleet.pool.query<{ s: number }>(
      `select extract(epoch from o.finished_at - r.asked_at)::float8 as s from operations o
       join resources r on r.workspace_id = o.workspace_id and r.kind = 'instance' where o.id = any ($1)`,
      [ids.slice(1)],
    );
    expect(rows).toHaveLength(9);
    expect(Math.max(...rows.map(({ s }) => s))).toBeLessThan(60);
    await ended(
      fleet.pool,
      await Promise.all(hanging.slice(1).map(({ workspace }) => remove(fleet, workspace.id))),
    );
  },
);

test("25 deletes on EC2, of which each takes 30 s to shut down, keep a create of a process waiting no longer than it takes (I15)", async () => {
  const fleet = await openEc2Fleet({
    workers: 0,
    server: { delays: { shuttingDown: 30_000 } },
    env: {
      BERTH_BACKENDS: "process,ec2",
      BERTH_CONCURRENCY: "10",
      BERTH_STOP_GRACE_MS: "60000",
      BERTH_CALL_TIMEOUT_MS: "20000",
    },
    ec2: { stopGraceMs: 60_000 },
  });
  fleet.startWorker({
    backends: new Map<string, Backend>([
      ["process", fleet.backend],
      ["ec2", fleet.lab.open()],
    ]),
  });
  const ids = await Promise.all(Array.from({ length: 25 }, () => fleet.provisioned()));
  const deletes = await Promise.all(ids.map((id) => remove(fleet, id)));
  const shuttingDown = () => fleet.lab.calls("TerminateInstances").length;
  await vi.waitFor(() => expect(shuttingDown()).toBeGreaterThan(0));
  const [local] = await ended(fleet.pool, [(await processWorkspace(fleet)).operation.id]);
  const [same] = await ended(fleet.pool, [(await fleet.create()).operation]);
  for (const one of [local, same]) expect(one).toMatchObject({ state: "succeeded", attempt: 1 });
  const all = await ended(fleet.pool, deletes);
  expect(all).toMatchObject(deletes.map(() => ({ state: "succeeded", attempt: 1 })));
  const first = Math.min(...all.map(({ finished_at }) => finished_at!.getTime()));
  expect(local!.finished_at!.getTime(), "before any of the deletes").toBeLessThan(first);
  expect(same!.finished_at!.getTime(), "of the same account too").toBeLessThan(first);
  const last = Math.max(...all.map(({ finished_at }) => finished_at!.getTime()));
  // Ten at a time they would have taken 90 s.
  expect(last - Math.min(...all.map(({ created_at }) => created_at.getTime()))).toBeLessThan(75_000);
});
