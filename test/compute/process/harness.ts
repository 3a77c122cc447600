import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InstanceRef } from "@berth/core/compute/backend";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import type { BackendHarness } from "../conformance/harness.js";
import { INSTALLATION } from "../../support/installations.js";

const STOP_GRACE_MS = 1_000;

/** The `process` backend on a data directory of its own. */
export async function processHarness(): Promise<BackendHarness & { dataDir: string }> {
  const directory = await mkdtemp(join(tmpdir(), "process-"));
  const dataDir = join(directory, "data");
  const deploymentId = "conformance";
  return {
    dataDir,
    deploymentId,
    open: (id = deploymentId, installationId = INSTALLATION) =>
      createProcessBackend({ dataDir, deploymentId: id, installationId, stopGraceMs: STOP_GRACE_MS }),
    async openUnreachable() {
      const lost = join(directory, "lost");
      const backend = createProcessBackend({
        dataDir: lost,
        deploymentId,
        installationId: INSTALLATION,
        stopGraceMs: STOP_GRACE_MS,
      });
      await rm(lost, { recursive: true });
      return backend;
    },
    spec: (command) => ({ command: [...command] }),
    crash: async (instance) => void process.kill(await pidOf(dataDir, deploymentId, instance), "SIGKILL"),
    volumePath: ".",
    tellsStreams: false,
    foreign: null,
    limits: null,
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Of the instance that runs, from its own record. */
export async function pidOf(dataDir: string, deploymentId: string, instance: InstanceRef): Promise<number> {
  const record = `${instance.name}.${instance.generation}`;
  const file = join(dataDir, "process", deploymentId, "instances", record, "claim");
  return Number((await readFile(file, "utf8")).split(" ")[1]);
}
