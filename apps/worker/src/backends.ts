import type { Backend } from "@berth/core/compute/backend";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import type { WorkerConfig } from "@berth/core/config";
import type { BackendName } from "@berth/core/domain/spec";
import type { Logger } from "@berth/core/logger";

/** The backends that a worker with this configuration serves. */
export function openBackends(config: WorkerConfig, logger: Logger): Map<BackendName, Backend> {
  const open: Record<BackendName, () => Backend> = {
    docker: () =>
      createDockerBackend({
        deploymentId: config.deploymentId,
        host: config.dockerHost ?? undefined,
        network: config.dockerNetwork ?? undefined,
        callTimeoutMs: config.callTimeoutMs,
        stopGraceMs: config.stopGraceMs,
        logger,
      }),
    process: () =>
      createProcessBackend({
        deploymentId: config.deploymentId,
        dataDir: config.dataDir,
        stopGraceMs: config.stopGraceMs,
        logger,
      }),
  };
  return new Map(config.backends.map((name) => [name, open[name]()]));
}
