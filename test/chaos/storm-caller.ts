// One of the processes that ask at once: prints each request's time and the operation it was answered with.
import { readConfig } from "@berth/core/config/config";
import { createPool } from "@berth/core/db/pool";
import { requestRestart } from "@berth/core/requests/restart";
import { openQueues } from "@berth/core/queues/producer";

const [workspaceId, count] = process.argv.slice(2) as [string, string];
const config = readConfig("worker");
const pool = createPool(config.databaseUrl, { name: "caller" });
const queues = await openQueues(config, () => undefined);
const context = { pool, dispatcher: queues.dispatcher, maxAttempts: config.retryAttempts };
process.on("disconnect", () => process.exit(1));
process.once("message", () => void ask());
process.stdout.write("caller ready\n");

async function ask(): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: Number(count) }, async () => {
      const askedAt = Date.now();
      const { operation } = await requestRestart(context, workspaceId, {
        source: "api",
        requestedBy: "storm",
      });
      return { askedAt, id: operation.id };
    }),
  );
  process.stdout.write(`answers ${JSON.stringify(answers)}\n`);
  await queues.close();
  await pool.end();
  process.exit(0);
}
