import { setTimeout as delay } from "node:timers/promises";
import type { WorkerConfig } from "@berth/core/config/config";
import type { Pool } from "@berth/core/db/pool";
import { dueWebhooks, planDeliveries } from "@berth/core/db/webhook-deliveries";
import { deliverDue, type Delivering } from "@berth/core/webhooks/deliver";
import { sealSecrets } from "@berth/core/webhooks/seal";
import { createDestinations } from "@berth/core/webhooks/destinations";
import { RETRY_JITTER } from "@berth/core/domain/backoff";
import type { Logger } from "@berth/core/base/logger";
import { WEBHOOKS_QUEUE, type WebhookLane } from "@berth/core/queues/names";
import { addLane, type Queues } from "@berth/core/queues/producer";
import { openWorker } from "@berth/core/queues/worker";

/** Events that are compared with the webhooks at once. */
const PLANNED_AT_ONCE = 1_000;
/** Lanes of a worker: webhooks that it serves at once, so that a slow one holds up few others. */
const LANES = 16;

/**
 * Tells webhooks of events: plans the deliveries in PostgreSQL, asks for a lane for each webhook for which some is due, and
 * serves lanes. Each delivery's retries are kept by its row; a lane that is lost is asked for again.
 */
export function startWebhooks({
  config,
  pool,
  queues,
  logger,
  observe,
}: {
  config: WorkerConfig;
  pool: Pool;
  queues: Pick<Queues, "webhooks">;
  logger: Logger;
  observe: NonNullable<Delivering["observe"]>;
}): { close(limitMs: number): Promise<void> } {
  const ending = new AbortController();
  const { signal } = ending;
  const destinations = createDestinations({
    allow: config.webhooksAllow ?? [],
    schemes: config.webhooksSchemes,
  });
  const retry = {
    delayMs: config.webhooksRetryDelayMs,
    maxDelayMs: config.webhooksRetryMaxDelayMs,
    jitter: RETRY_JITTER,
  };
  const { secret, webhooksTimeoutMs: timeoutMs } = config;
  const delivering = { pool, destinations, timeoutMs, secret, retry, signal, observe };

  const { close } = openWorker<WebhookLane>(
    config,
    WEBHOOKS_QUEUE,
    (job) => deliverDue(delivering, job.data.webhookId),
    {
      concurrency: LANES,
      onError: (error) => logger.debug({ err: error }, "webhooks"),
    },
  );

  const look = async (): Promise<void> => {
    await sealSecrets(pool, secret);
    const planned = { limit: PLANNED_AT_ONCE, attempts: config.webhooksAttempts };
    while (!signal.aborted && (await planDeliveries(pool, planned)));
    for (const id of await dueWebhooks(pool)) await addLane(queues, id);
  };
  const looking = (async () => {
    while (!signal.aborted) {
      await look().catch((error: unknown) => logger.debug({ err: error }, "webhooks not planned yet"));
      await delay(config.webhooksEveryMs, undefined, { signal }).catch(() => undefined);
    }
  })();

  return {
    async close(limitMs) {
      ending.abort(new Error("the worker is ending"));
      await Promise.all([close(limitMs), looking]);
    },
  };
}
