// A worker as `apps/worker` starts it, with the recorded provider in place of the real ones.
import { readConfig } from "@berth/core/config/config";
import { createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { openQueues } from "@berth/core/queues/producer";
import { serve } from "@berth/core/base/serve";
import { faultAtStep } from "@berth/worker/fault";
import { startWorker } from "@berth/worker/start";
import { createRecordedBackend } from "./recorded-backend.js";
import type { ProcessProvider } from "./worker-process.js";
import { seededRandom } from "./worker-process-random.js";

const provider = JSON.parse(process.argv[2] ?? "{}") as ProcessProvider;
// The test has died: nobody else would end this process.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

async function start() {
  const config = readConfig("worker");
  const logger = createLogger(config, `worker-${process.pid}`);
  const pool = createPool(config.databaseUrl, { name: `worker-${process.pid}` });
  const providerPool = createPool(provider.url ?? config.databaseUrl, { name: `provider-${process.pid}` });
  const queues = await openQueues(config, () => undefined);
  const random = seededRandom(provider.seed ?? process.pid);
  const { latencyMs = 0, fullLatency = false, failBefore = 0, failAfter = 0 } = provider;
  const backend = await createRecordedBackend(providerPool, {
    latencyMs,
    failBefore,
    failAfter,
    random: fullLatency ? () => 1 : random,
  });
  const worker = startWorker({
    config,
    pool,
    queues,
    backends: new Map([["process", backend]]),
    logger,
    onStep: faultAtStep(config.faultAtStep),
  });
  process.stdout.write("worker ready\n");
  return {
    async close() {
      process.stdout.write("worker ending\n");
      await worker.close();
      await queues.close();
      await pool.end();
      await providerPool.end();
      process.stdout.write("worker closed\n");
    },
  };
}

if (process.argv.includes("--drain")) {
  // Ends by itself once nothing is left that holds the event loop: whatever is left is a leak.
  const running = await start();
  process.once("message", () => {
    process.channel?.unref();
    void running.close().then(() => {
      // Broken connections need a moment; what is still here then is told, and this timer holds nothing itself.
      const told = setTimeout(() => {
        process.stdout.write(`left: ${process.getActiveResourcesInfo().join(", ")}\n`);
        process.exit(1);
      }, 3_000);
      told.unref();
    });
  });
} else await serve("test-worker", start);
