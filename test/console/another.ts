import { readConfig } from "@berth/core/config/config";
import { createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { openQueues } from "@berth/core/queues/producer";
import { type RunningApi, startApi } from "@berth/api/start";
import { KEY } from "../api/api.js";
import { fleetEnvironment } from "../support/fleet.js";

/** One more API process's worth on a database that another serves too. To be closed. */
export async function startAnother(databaseUrl: string, env = {}): Promise<RunningApi> {
  const config = readConfig(
    "api",
    fleetEnvironment(databaseUrl, null, { PORT: "0", HOST: "127.0.0.1", BERTH_ADMIN_KEY: KEY, ...env }),
  );
  const pool = createPool(databaseUrl, { name: "another" });
  const queues = await openQueues(config, () => undefined);
  const other = await startApi({ config, pool, queues, logger: createLogger(config, "test") });
  return {
    ...other,
    async close() {
      await other.close();
      await queues.close();
      await pool.end();
    },
  };
}
