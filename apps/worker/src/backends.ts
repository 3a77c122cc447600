import type { Backend } from "@berth/core/compute/backend";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import type { Absences } from "@berth/core/compute/ec2/absence";
import { createEc2Backend } from "@berth/core/compute/ec2/backend";
import { createExternalBackend } from "@berth/core/compute/external";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import type { WorkerConfig } from "@berth/core/config/config";
import type { BackendName } from "@berth/core/domain/backend";
import type { Logger } from "@berth/core/base/logger";
import { forgetAbsences, noteAbsences } from "@berth/core/db/absences";
import type { Installation } from "@berth/core/db/installation";
import type { Pool } from "@berth/core/db/pool";
import { type AwsPlace, ec2Options } from "./ec2-options.js";

/**
 * The backends that a worker of this installation with this configuration serves: those of its settings, and `external`,
 * which any worker reaches. `aws` is where EC2 is, if not where the SDK looks.
 */
export function openBackends(
  config: WorkerConfig,
  pool: Pool,
  { id: installationId }: Installation,
  logger: Logger,
  aws?: AwsPlace,
): Map<BackendName, Backend> {
  const open: Record<BackendName, () => Backend> = {
    docker: () =>
      createDockerBackend({
        deploymentId: config.deploymentId,
        installationId,
        host: config.dockerHost ?? undefined,
        network: config.dockerNetwork ?? undefined,
        callTimeoutMs: config.callTimeoutMs,
        pullTimeoutMs: config.dockerPullTimeoutMs,
        pullStallMs: config.dockerPullStallMs,
        stopGraceMs: config.stopGraceMs,
        logger,
      }),
    process: () =>
      createProcessBackend({
        deploymentId: config.deploymentId,
        installationId,
        dataDir: config.dataDir,
        stopGraceMs: config.stopGraceMs,
        logger,
      }),
    ec2: () => createEc2Backend({ ...ec2Options(config, installationId, absencesIn(pool)), ...aws, logger }),
    external: createExternalBackend,
  };
  return new Map([...config.backends, "external" as const].map((name) => [name, open[name]()]));
}

function absencesIn(pool: Pool): Absences {
  return {
    note: (ids) => noteAbsences(pool, ids),
    forget: (ids) => forgetAbsences(pool, ids),
  };
}
