import { randomUUID } from "node:crypto";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { dockerCli } from "../../support/docker-cli.js";
import { BUSYBOX_IMAGE } from "../../support/images.js";
import type { BackendHarness } from "../conformance/harness.js";
import { INSTALLATION } from "../../support/installations.js";

interface HostConfig {
  Memory: number;
  CpuQuota: number;
  CpuPeriod: number;
  PidsLimit: number;
}

/** The `docker` backend on the engine at `socketPath`, in a deployment of its own. @param ssh how it is reached, if not there */
export async function dockerHarness(
  socketPath: string,
  network?: string,
  ssh?: { host: string; config: string },
): Promise<BackendHarness> {
  const docker = dockerCli(socketPath);
  const deploymentId = `test-${randomUUID().slice(0, 8)}`;
  const open = (id = deploymentId, installationId = INSTALLATION, host = hostOf(socketPath, ssh)) =>
    createDockerBackend({
      deploymentId: id,
      installationId,
      host,
      network,
      sshConfig: ssh?.config,
      stopGraceMs: 1_000,
      callTimeoutMs: 20_000,
    });
  return {
    deploymentId,
    open,
    openUnreachable: async () => open(deploymentId, INSTALLATION, `unix://${socketPath}.absent`),
    spec: (command) => ({ image: BUSYBOX_IMAGE, command: [...command] }),
    crash: async (instance) => void (await docker("kill", instance.name)),
    volumePath: "/workspace",
    tellsStreams: true,
    foreign: {
      makeInstance: async (name) =>
        void (await docker("run", "--detach", "--init", "--network=none", "--name", name, BUSYBOX_IMAGE)),
      makeVolume: async (name) => void (await docker("volume", "create", name)),
      instanceIsIntact: async (name) =>
        (await docker("inspect", "--format", "{{.State.Running}}", name)) === "true",
      volumeIsIntact: async (name) => (await docker("volume", "ls", "--quiet")).split("\n").includes(name),
      async remove(name) {
        await docker("rm", "--force", name).catch(() => undefined);
        await docker("volume", "rm", "--force", name);
      },
    },
    async limits(instance) {
      const text = await docker("inspect", "--format", "{{json .HostConfig}}", instance.name);
      const config = JSON.parse(text) as HostConfig;
      return {
        memoryBytes: config.Memory,
        cpus: config.CpuQuota / config.CpuPeriod,
        pids: config.PidsLimit,
      };
    },
    close: async () => undefined,
  };
}

function hostOf(socketPath: string, ssh: { host: string } | undefined): string {
  return ssh === undefined ? `unix://${socketPath}` : `ssh://${ssh.host}${socketPath}`;
}
