import { readConfig } from "@berth/core/config/config";
import { migrate } from "@berth/core/db/migrate";
import { openInstallation } from "@berth/core/db/installation";
import { createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { requireAll } from "@berth/core/doctor/requirements";
import { openQueues } from "@berth/core/queues/producer";
import { exportTraces } from "@berth/core/base/trace-export";
import { serve } from "@berth/core/base/serve";
import { API_CONNECTIONS, startApi } from "./start.js";

await serve("berth-api", async () => {
  const config = readConfig("api");
  const logger = createLogger(config, "api");
  const endTraces = await exportTraces(config, "berth-api");
  const away = await requireAll({ ...config, connections: API_CONNECTIONS }, (line) => logger.warn(line));
  for (const line of away) logger.warn(`${line}: requests wait until it is back`);
  await migrate(config.databaseUrl);
  const pool = createPool(config.databaseUrl, { name: "berth-api" });
  const queues = await openQueues(config, (error) => logger.debug({ err: error }, "queue"), pool);
  const { id } = await openInstallation(pool);
  await queues.lease({ id, pool }, (sentence) => logger.error(sentence));
  const api = await startApi({ config, pool, queues, logger });
  return {
    async close() {
      await api.close();
      await queues.close();
      await pool.end();
      await endTraces();
    },
  };
});
