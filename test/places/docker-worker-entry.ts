// A worker as `apps/worker` starts it, whose Docker daemon is a place of the name given.
import { readConfig } from "@berth/core/config/config";
import { openInstallation } from "@berth/core/db/installation";
import { createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { serve } from "@berth/core/base/serve";
import { openQueues } from "@berth/core/queues/producer";
import { openBackends } from "@berth/worker/backends";
import { startWorker } from "@berth/worker/start";

const place = process.argv[2]!;
// The test has died: nobody else would end this process.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

await serve("test-worker", async () => {
  const config = readConfig("worker");
  const logger = createLogger(config, `worker-${process.pid}`);
  const pool = createPool(config.databaseUrl, { name: `worker-${process.pid}` });
  const queues = await openQueues(config, () => undefined);
  const { backends } = await openBackends(config, pool, await openInstallation(pool), logger);
  const worker = startWorker({
    config,
    pool,
    queues,
    backends: new Map([[place, backends.get("docker")!]]),
    logger,
  });
  process.stdout.write("worker ready\n");
  return {
    async close() {
      await worker.close();
      await queues.close();
      await pool.end();
    },
  };
});
