import { getOperations } from "@berth/core/db/operations";
import type { Pool } from "@berth/core/db/pool";
import type { Queues } from "@berth/core/queues/producer";
import type { RunningWorker } from "../start.js";
import type { Readiness } from "./server.js";

/** Whether this worker can work now: PostgreSQL answers, with our schema. Without its queues' store it waits for it. */
export async function readinessOf(parts: {
  pool: Pool;
  queues: Pick<Queues, "ping">;
  worker: Pick<RunningWorker, "served">;
}): Promise<Readiness> {
  const [postgres, queues] = await Promise.all([
    answers(getOperations(parts.pool, [])),
    answers(parts.queues.ping()),
  ]);
  return { postgres, queues, places: parts.worker.served() };
}

function answers(ping: Promise<unknown>): Promise<"up" | "down"> {
  return ping.then(
    () => "up",
    () => "down",
  );
}
