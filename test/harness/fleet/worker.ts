// A worker as `apps/worker` starts it, with places of EC2 besides the one of its settings.
import { readConfig } from "@berth/core/config/config";
import { migrate } from "@berth/core/db/migrate";
import { openInstallation } from "@berth/core/db/installation";
import { createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { serve } from "@berth/core/base/serve";
import { openQueues } from "@berth/core/queues/producer";
import { openBackends } from "@berth/worker/backends";
import { faultAtStep } from "@berth/worker/fault";
import { startWorker } from "@berth/worker/start";
import type { ReachedPlace } from "./places.js";

const places = JSON.parse(process.env["HARNESS_PLACES"] ?? "[]") as ReachedPlace[];

await serve("berth-worker", async () => {
  const config = readConfig("worker");
  const logger = createLogger(config, "worker");
  await migrate(config.databaseUrl);
  const pool = createPool(config.databaseUrl, {
    max: 10 + Math.ceil(config.concurrency / 2),
    name: "berth-worker",
  });
  const installation = await openInstallation(pool);
  const queues = await openQueues(config, (error) => logger.debug({ err: error }, "queue producer"), pool);
  const own = await openBackends(config, pool, installation, logger);
  const backends = new Map(own.backends);
  for (const { name, region, key } of places) {
    const aws = { region, credentials: { accessKeyId: key, secretAccessKey: "none" } };
    const there = await openBackends({ ...config, backends: ["ec2"] }, pool, installation, logger, { aws });
    backends.set(name, there.backends.get("ec2")!);
  }
  const worker = startWorker({
    config,
    pool,
    queues,
    backends,
    logger,
    onStep: faultAtStep(config.faultAtStep),
  });
  return {
    async close() {
      await worker.close();
      await queues.close();
      await Promise.all([...backends.values()].map((backend) => backend.close()));
      await pool.end();
    },
  };
});
