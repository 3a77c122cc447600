import type { Backend } from "@berth/core/compute/backend";
import type { Absences } from "@berth/core/compute/ec2/absence";
import { createExternalBackend } from "@berth/core/compute/external";
import type { WorkerConfig } from "@berth/core/config/config";
import type { FilePlace } from "@berth/core/config/places-file";
import type { BackendName } from "@berth/core/domain/backend";
import type { Logger } from "@berth/core/base/logger";
import { forgetAbsences, noteAbsences } from "@berth/core/db/absences";
import type { Installation } from "@berth/core/db/installation";
import type { Pool } from "@berth/core/db/pool";
import { Registry } from "prom-client";
import { type AwsPlace, ec2Options } from "./ec2-options.js";
import { backendFigures } from "./metrics/backends.js";
import { type OpenPlaces, openPlaces } from "./places.js";

/**
 * The places that a worker of this installation with this configuration is to serve. `aws` is where EC2 is, if not where
 * the SDK looks. Clients of providers are loaded only where there is a place for them: AWS's is half of a start's CPU.
 * @throws PlacesFileError
 */
export async function openBackends(
  config: WorkerConfig,
  pool: Pool,
  { id: installationId }: Installation,
  logger: Logger,
  { registry = new Registry(), aws }: { registry?: Registry; aws?: AwsPlace | undefined } = {},
): Promise<OpenPlaces> {
  const figures = backendFigures(registry);
  const open: Record<BackendName, (fields: FilePlace["fields"], place: string) => Promise<Backend>> = {
    docker: async ({ host, ca, cert, key, ssh_config: sshConfig, network }) => {
      const { createDockerBackend } = await import("@berth/core/compute/docker/backend");
      return createDockerBackend({
        deploymentId: config.deploymentId,
        installationId,
        host: host ?? config.dockerHost ?? undefined,
        tls: ca === undefined && cert === undefined ? undefined : { ca, cert, key },
        sshConfig,
        network: network ?? config.dockerNetwork ?? undefined,
        callTimeoutMs: config.callTimeoutMs,
        pullTimeoutMs: config.dockerPullTimeoutMs,
        pullStallMs: config.dockerPullStallMs,
        stopGraceMs: config.stopGraceMs,
        logger,
      });
    },
    process: async ({ data_dir: dataDir }) => {
      const { createProcessBackend } = await import("@berth/core/compute/process/backend");
      return createProcessBackend({
        deploymentId: config.deploymentId,
        installationId,
        dataDir: dataDir ?? config.dataDir,
        stopGraceMs: config.stopGraceMs,
        user: config.processUser ?? undefined,
        logger,
      });
    },
    ec2: async (fields, place) => {
      const { createEc2Backend } = await import("@berth/core/compute/ec2/backend");
      return createEc2Backend({
        ...ec2Options(config, fields, installationId, absencesIn(pool), aws),
        logger,
        observe: figures.ec2(place),
      });
    },
    external: async () => createExternalBackend(),
  };
  return openPlaces(config, async ({ name, backend, fields }) =>
    figures.measure(name, await open[backend](fields, name)),
  );
}

function absencesIn(pool: Pool): Absences {
  return {
    note: (ids) => noteAbsences(pool, ids),
    forget: (ids) => forgetAbsences(pool, ids),
  };
}
