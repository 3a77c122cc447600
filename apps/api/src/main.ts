import { readConfig } from "@berth/core/config/config";
import { migrate } from "@berth/core/db/migrate";
import { openInstallation } from "@berth/core/db/installation";
import { createPool, isDatabaseUnavailable } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { requireRedis } from "@berth/core/queues/check-redis";
import { openQueues } from "@berth/core/queues/producer";
import { serve } from "@berth/core/base/serve";
import { startApi } from "./start.js";

await serve("berth-api", async () => {
  const config = readConfig("api");
  const logger = createLogger(config, "api");
  await migrate(config.databaseUrl).catch((error: unknown) => {
    if (!isDatabaseUnavailable(error)) throw error;
    const reason =
      error instanceof AggregateError ? (error.errors[0] as Error).message : (error as Error).message;
    throw new Error(`DATABASE_URL: the database can't be reached (${reason})`, { cause: error });
  });
  const pool = createPool(config.databaseUrl, { name: "berth-api" });
  const unreachable = await requireRedis(config, (line) => logger.warn(line));
  if (unreachable !== null) logger.warn(`${unreachable}: requests wait until it is back`);
  const queues = await openQueues(config, (error) => logger.debug({ err: error }, "queue"));
  await queues.lease((await openInstallation(pool)).id, (sentence) => logger.error(sentence));
  const api = await startApi({ config, pool, queues, logger });
  return {
    async close() {
      await api.close();
      await queues.close();
      await pool.end();
    },
  };
});
