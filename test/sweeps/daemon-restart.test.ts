import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { listEvents } from "@berth/core/db/events";
import { createWorkspace } from "@berth/core/requests/create";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { startDockerd } from "../support/dockerd.js";
import { BY_TEST, newWorkspace, startFleet } from "../support/fleet.js";
import { importTestImages, BUSYBOX_IMAGE } from "../support/images.js";
import { INSTALLATION } from "../support/installations.js";
import { ended } from "../support/wait.js";

const HOW_MANY = 8;

describe.skipIf(inject("docker") === null)("a daemon that is stopped and started", () => {
  test("has all its workspaces offline at the next look, and back online without a person (I13, I14)", async () => {
    const dockerd = await startDockerd({ root: await mkdtemp(join(tmpdir(), "dockerd-")) });
    onTestFinished(async () => void (await dockerd.stop()));
    await importTestImages(dockerd.socketPath);
    const backend = createDockerBackend({
      deploymentId: "berth",
      installationId: INSTALLATION,
      host: `unix://${dockerd.socketPath}`,
      stopGraceMs: 1_000,
    });
    const fleet = await startFleet({
      redisUrl: inject("redis").url,
      env: {
        BERTH_BACKENDS: "docker",
        BERTH_RESTART_DEBOUNCE_MS: "0",
        BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "1000",
      },
    });
    onTestFinished(async () => {
      await fleet.close();
      await backend.close();
    });
    fleet.startWorker({ backends: new Map([["docker", backend]]) });
    const made = [];
    for (let n = 0; n < HOW_MANY; n++)
      made.push(
        await createWorkspace(
          fleet.context,
          {
            ...newWorkspace(),
            backend: "docker",
            spec: { image: BUSYBOX_IMAGE, command: ["sleep", "1000"], readiness: "running" },
          },
          BY_TEST,
        ),
      );
    await ended(
      fleet.pool,
      made.map(({ operation }) => operation.id),
    );

    await dockerd.halt();
    await dockerd.restart();
    const statuses = async () => {
      const { rows } = await fleet.pool.query<{ status: string; generation: number }>(
        "select status, generation from workspaces",
      );
      return rows;
    };
    await expect
      .poll(async () => (await statuses()).filter((one) => one.status === "online" && one.generation === 2), {
        timeout: 120_000,
      })
      .toHaveLength(HOW_MANY);
    const told = await listEvents(fleet.pool, { type: "workspace.offline", limit: 100 });
    expect(told.map((event) => event.payload)).toEqual(
      Array.from({ length: HOW_MANY }, () =>
        expect.objectContaining({ state: "stopped", requested_by: "instance-state" }),
      ),
    );
    expect(await listEvents(fleet.pool, { type: "sweep.held", limit: 1 })).toEqual([]);
    const { rows } = await fleet.pool.query("select 1 from workspaces where auto_restarts > 0");
    expect(rows, "no crash is counted").toEqual([]);
  }, 300_000);
});
