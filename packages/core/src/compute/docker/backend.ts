import type { Logger } from "../../base/logger.js";
import type { Backend, CallOptions, InstanceRef, InstanceState } from "../backend.js";
import { checked } from "../decorate.js";
import { createDockerClient, type DockerClient } from "./client.js";
import { listContainers, meantBy } from "./find.js";
import { identifyDaemon } from "./identity.js";
import { launchContainer } from "./launch.js";
import { readLogs } from "./logs.js";
import { listLookalikes, listOwned } from "./owned.js";
import { stopContainer } from "./stop.js";
import { createVolume, removeVolume, requireVolume } from "./volumes.js";

export interface DockerBackendOptions {
  /** Everything this backend makes is labelled with it, and nothing else is touched (I10). */
  deploymentId: string;
  /** As in `DOCKER_HOST`. Default `unix:///var/run/docker.sock`. */
  host?: string | undefined;
  /** The network of containers; the daemon's default one if unset. */
  network?: string | undefined;
  /** For each request to the daemon; a polite stop has the grace on top. Default 30 s. */
  callTimeoutMs?: number;
  /** For the pull of an image that isn't there yet. Default 10 min. */
  pullTimeoutMs?: number;
  /** Between SIGTERM and SIGKILL, rounded up to whole seconds. Default 10 s. */
  stopGraceMs?: number;
  logger?: Logger;
}

/**
 * Workspaces as containers `ws-<workspace id>` of one Docker daemon, with a named volume each. A restart
 * policy of `no`, because only operations start things; what a daemon's restart ended is for the sweeps.
 * @throws TypeError for a `host` of an unknown form.
 */
export function createDockerBackend(options: DockerBackendOptions): Backend {
  const { deploymentId, host, network, logger } = options;
  const { callTimeoutMs = 30_000, pullTimeoutMs = 600_000, stopGraceMs = 10_000 } = options;
  const client = createDockerClient(host, deploymentId, callTimeoutMs);
  const graceSeconds = Math.ceil(stopGraceMs / 1000);
  const backend: Backend = {
    name: "docker",
    // A daemon carries out a request whose caller is gone; under load that takes a while.
    settleMs: 10_000,
    identify: (call) => identifyDaemon(client, call),
    async createVolume(volume, call) {
      return { providerId: await createVolume(client, volume, call) };
    },
    async removeVolume(volume, call) {
      return await removeVolume(client, volume, call);
    },
    async launch(request, call) {
      await requireVolume(client, request.volume, call);
      const providerId = await launchContainer(
        client,
        request,
        { network, graceSeconds, pullTimeoutMs },
        call,
      );
      return { providerId, url: null };
    },
    async stop(instance, call) {
      return await stopContainer(client, instance, graceSeconds, call);
    },
    probe: (instances, call) => probe(client, instances, call),
    listOwned: (call) => listOwned(client, call),
    listLookalikes: (call) => listLookalikes(client, call),
    async logs(instance, call) {
      return await readLogs(client, instance, call);
    },
    async close() {
      client.close();
    },
  };
  return checked(backend, logger);
}

async function probe(
  client: DockerClient,
  instances: readonly InstanceRef[],
  options: CallOptions,
): Promise<Map<string, InstanceState>> {
  const [first] = instances;
  if (first === undefined) return new Map();
  const one = instances.every((instance) => instance.workspaceId === first.workspaceId);
  const found = await listContainers(client, options, one ? first.workspaceId : undefined);
  return new Map(instances.map((ref) => [ref.resourceId, meantBy(ref, found)[0]?.state ?? "gone"]));
}
