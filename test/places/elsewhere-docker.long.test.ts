import { mkdtemp, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { openInstallation } from "@berth/core/db/installation";
import { inject, it, onTestFinished } from "vitest";
import { startFleet } from "../support/fleet.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { expectUntouched } from "./elsewhere.js";
import { openHost } from "./hosts.js";

it("a socket that leads to another daemon while the worker runs: no operation is begun, and nothing is ended or called gone (I12)", async ({
  skip,
}) => {
  if (inject("docker") === null) return skip("no Docker daemon in this run");
  const directory = await mkdtemp(join(tmpdir(), "elsewhere-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const [mine, other] = [await openHost("docker-a"), await openHost("docker-b")];
  const socket = join(directory, "docker.sock");
  const point = async ({ socketPath }: { socketPath: string }) => {
    await symlink(socketPath, `${socket}.new`);
    await rename(`${socket}.new`, socket);
  };
  await point(mine);
  const env = { BERTH_SWEEP_DISPATCH_EVERY_MS: "300", BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "300" };
  const fleet = await startFleet({
    redisUrl: inject("redis").url,
    env: { ...env, BERTH_STOP_GRACE_MS: "500" },
  });
  onTestFinished(() => fleet.close());
  const { id: installationId } = await openInstallation(fleet.pool);
  const host = `unix://${socket}`;
  const backend = createDockerBackend({ deploymentId: "berth", installationId, host, network: "none" });
  onTestFinished(() => backend.close());
  fleet.startWorker({ backends: new Map([["docker", backend]]) });
  await expectUntouched(fleet, {
    place: "docker",
    input: {
      backend: "docker",
      spec: { image: BUSYBOX_IMAGE, command: ["sleep", "3600"], readiness: "running" },
    },
    leadAway: () => point(other),
    leadBack: () => point(mine),
    things: async () => ({ here: (await mine.running())!.length, there: await other.left() }),
  });
}, 300_000);
