import type { Backend } from "@berth/core/compute/backend";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { openInstallation } from "@berth/core/db/installation";
import { getOperation } from "@berth/core/db/operations";
import { listPlaceWorkers } from "@berth/core/db/place-workers";
import { getPlace } from "@berth/core/db/places";
import { listResources } from "@berth/core/db/resources";
import { createWorkspace, type CreateInput } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { openLab } from "../compute/ec2/lab.js";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { ended } from "../support/wait.js";

/** One daemon or account as a worker reaches it, by whatever name. */
interface Provider {
  input: Partial<CreateInput>;
  open(): Backend;
}

async function cloud(): Promise<Provider> {
  const lab = await openLab(undefined, { deploymentId: "berth", apiShare: 100 });
  return { input: { backend: "ec2", spec: { readiness: "running" } }, open: () => lab.open() };
}

async function daemon({ pool }: Fleet): Promise<Provider> {
  const { id: installationId } = await openInstallation(pool);
  const host = `unix://${inject("docker")!.socketPath}`;
  const spec = { image: BUSYBOX_IMAGE, readiness: "running" as const };
  return {
    input: { backend: "docker", spec },
    open() {
      // A deployment of its own on the daemon that other tests use.
      const deploymentId = `one-${installationId.slice(0, 8)}`;
      const backend = createDockerBackend({ deploymentId, installationId, host, stopGraceMs: 500 });
      onTestFinished(() => backend.close());
      return backend;
    },
  };
}

it.for<{ what: string; needs: boolean; provide: (fleet: Fleet) => Promise<Provider> }>([
  { what: "account and Region of EC2", needs: true, provide: cloud },
  { what: "Docker daemon", needs: inject("docker") !== null, provide: daemon },
])(
  "one $what isn't two places: under the second name nothing is begun, and what is there stays the first one's (I12)",
  { timeout: 60_000 },
  async ({ needs, provide }, { skip }) => {
    if (!needs) return skip("no Docker daemon in this run");
    const fleet = await startFleet({ redisUrl: null, env: { BERTH_BACKENDS: "process,docker,ec2" } });
    onTestFinished(() => fleet.close());
    const { input, open } = await provide(fleet);
    const { pool, context } = fleet;
    const contact = (place: string, state: string) =>
      vi.waitFor(
        async () => {
          const [said] = await listPlaceWorkers(pool, 60_000, place);
          expect(said).toMatchObject({ state });
          return said!;
        },
        { timeout: 20_000 },
      );
    const create = (place: string) =>
      createWorkspace(context, { ...newWorkspace(), ...input, place }, BY_TEST);
    fleet.startWorker({ backends: new Map([["first", open()]]) });
    await contact("first", "confirmed");
    const { workspace, operation } = await create("first");
    expect(await ended(pool, [operation.id])).toMatchObject([{ state: "succeeded" }]);

    fleet.startWorker({ backends: new Map([["second", open()]]) });
    const { problem, identity } = await contact("second", "taken");
    expect(identity).toBe((await getPlace(pool, "first"))!.identity);
    expect(problem).toBe(`what answers as place second is ${identity}, and that is place first`);
    expect(await getPlace(pool, "second")).toMatchObject({ identity: null });
    const asked = (await create("second")).operation;
    const looks = async () =>
      (
        await pool.query("select 1 from sweep_runs where sweep = 'dispatch' and started_at > $1", [
          asked.created_at,
        ])
      ).rows.length;
    await vi.waitFor(async () => expect(await looks()).toBeGreaterThan(2), { timeout: 20_000 });
    expect(await getOperation(pool, asked.id)).toMatchObject({ state: "queued", attempt: 0, error: null });
    expect((await listResources(pool, workspace.id)).map(({ state }) => state)).toEqual([
      "present",
      "present",
    ]);

    for (const id of [workspace.id, asked.workspace_id]) {
      const how = { cascade: false, purge: false, ...BY_TEST };
      const { operations } = await removeWorkspace(context, id, how);
      if (id === workspace.id)
        expect(await ended(pool, [operations[0]!.id])).toMatchObject([{ state: "succeeded" }]);
    }
    expect((await listResources(pool, workspace.id)).map(({ state }) => state)).toEqual(["gone", "gone"]);
  },
);
