import { processAsRoot } from "@berth/core/compute/process/beware";
import { readConfig } from "@berth/core/config/config";
import { migrate } from "@berth/core/db/migrate";
import { noteDatabase, openInstallation } from "@berth/core/db/installation";
import { connectionsFor, createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { requireAll } from "@berth/core/doctor/requirements";
import { openQueues } from "@berth/core/queues/producer";
import { Registry } from "prom-client";
import { measureProcess } from "@berth/core/metrics/process";
import { exportTraces } from "@berth/core/base/trace-export";
import { serve } from "@berth/core/base/serve";
import { openBackends } from "./backends.js";
import { faultAtStep } from "./fault.js";
import { readinessOf } from "./metrics/readiness.js";
import { serveFigures } from "./metrics/server.js";
import { reloadOnHangup } from "./places.js";
import { startWorker } from "./start.js";
import { tellOfPlaces } from "./tell-of-places.js";

await serve("berth-worker", async () => {
  const config = readConfig("worker");
  const logger = createLogger(config, "worker");
  const endTraces = await exportTraces(config, "berth-worker");
  const max = connectionsFor(config.concurrency);
  const away = await requireAll({ ...config, connections: max + 1 }, (line) => logger.warn(line));
  for (const line of away) logger.warn(`${line}: work waits until it is back`);
  await migrate(config.databaseUrl);
  const pool = createPool(config.databaseUrl, { max, name: "berth-worker" });
  const installation = await openInstallation(pool);
  const doubt = await noteDatabase(pool).catch(() => null);
  if (doubt !== null) logger.error(doubt);
  const queues = await openQueues(config, (error) => logger.debug({ err: error }, "queue producer"), pool);
  await queues.lease({ id: installation.id, pool }, (sentence) => logger.error(sentence));
  const beware = processAsRoot(config.backends, config.processUser !== null);
  if (beware !== null) logger.warn(beware);
  const registry = new Registry();
  measureProcess(registry, { role: "worker", pools: () => ({ worker: pool }) });
  const places = await openBackends(config, pool, installation, logger, { registry });
  const worker = startWorker({
    config,
    pool,
    queues,
    backends: places.backends,
    firstSettings: places.first,
    logger,
    registry,
    onStep: faultAtStep(config.faultAtStep),
  });
  void tellOfPlaces(places.backends, pool, logger);
  const forgetHangup = config.placesFile === null ? null : reloadOnHangup(places, worker, logger);
  const figures =
    config.workerPort === null
      ? null
      : await serveFigures({
          host: config.host,
          port: config.workerPort,
          registry,
          logger,
          ready: () => readinessOf({ pool, queues, worker }),
        });
  return {
    async close() {
      forgetHangup?.();
      await figures?.close();
      await worker.close();
      await queues.close();
      await places.close();
      await pool.end();
      await endTraces();
    },
  };
});
