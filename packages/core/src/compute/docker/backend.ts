import type { Logger } from "../../base/logger.js";
import type { Owner } from "../../domain/owner.js";
import type { Backend } from "../backend.js";
import { checked } from "../decorate.js";
import { createEnds } from "../ends.js";
import { type ClientTls, createDockerClient } from "./client.js";
import { examineDaemon } from "./examine.js";
import { identifyDaemon, markDaemon } from "./identity.js";
import { launchContainer } from "./launch.js";
import { readLogs } from "./logs.js";
import { notesOfDaemon } from "./notes.js";
import { listLookalikes, listOwned } from "./owned.js";
import { probeContainers } from "./probe.js";
import { ensureImage } from "./pull.js";
import { stopContainer } from "./stop.js";
import { createVolume, removeVolume, requireVolume } from "./volumes.js";

/** Everything this backend makes is labelled with its owner, and nothing of others is touched (I10). */
export interface DockerBackendOptions extends Owner {
  /** As in `DOCKER_HOST`. Default `unix:///var/run/docker.sock`. */
  host?: string | undefined;
  /** For `tcp://` and `https://`. */
  tls?: ClientTls | undefined;
  /** For `ssh://`: a file in place of ssh's own configuration. */
  sshConfig?: string | undefined;
  /** The network of containers; the daemon's default one if unset. */
  network?: string | undefined;
  /** For each request to the daemon; a polite stop has the grace on top. Default 30 s. */
  callTimeoutMs?: number;
  /** For the pull of an image that isn't there yet. Default 10 min. */
  pullTimeoutMs?: number;
  /** For a pull that makes no progress. Default 45 s. */
  pullStallMs?: number;
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
  const { host, network, logger } = options;
  const { callTimeoutMs = 30_000, stopGraceMs = 10_000 } = options;
  const pull = {
    pullTimeoutMs: options.pullTimeoutMs ?? 600_000,
    pullStallMs: options.pullStallMs ?? 45_000,
  };
  const client = createDockerClient(host, options, callTimeoutMs, options);
  const ends = createEnds();
  const graceSeconds = Math.ceil(stopGraceMs / 1000);
  const backend: Backend = {
    name: "docker",
    // A daemon carries out a request whose caller is gone; under load that takes a while.
    settleMs: 10_000,
    identify: (call) => identifyDaemon(client, call),
    mark: (call) => markDaemon(client, call),
    notes: notesOfDaemon(client),
    async createVolume(volume, call) {
      return { providerId: await createVolume(client, volume, call) };
    },
    async removeVolume(volume, call) {
      return await removeVolume(client, volume, call);
    },
    async ready({ volume, image }, call) {
      if (volume !== null) await requireVolume(client, volume, call);
      if (image !== undefined) await ensureImage(client, image, pull, call);
    },
    async launch(request, call) {
      await requireVolume(client, request.volume, call);
      const providerId = await launchContainer(client, request, { network, graceSeconds, ...pull }, call);
      return { providerId, url: null };
    },
    async stop(instance, call) {
      return await stopContainer(client, ends, instance, graceSeconds, call);
    },
    examine: (call) => examineDaemon(client, network, call),
    probe: (instances, call) => probeContainers(client, ends, instances, call),
    reasonOf: ({ resourceId }) => ends.of(resourceId),
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
