import { insertEvents } from "../db/events.js";
import { transaction, type Pool } from "../db/pool.js";
import {
  blockWebhook,
  disableWebhook,
  noteAttempt,
  noteBatch,
  type ClaimedDelivery,
} from "../db/webhooks.js";
import { retryDelay, type RetryPolicy } from "../domain/backoff.js";

/** The longest that an endpoint is left alone for having refused: new events wait for so long at most. In ms. */
const MOST_BLOCKED_MS = 60_000;

/** What an endpoint said, or why nothing. */
export interface Reply {
  status: number | null;
  /** Null: it took it. */
  error: string | null;
}

const GONE = 410;

/**
 * Records what became of a batch of deliveries of one webhook. One that answers 410 wants no more. What was taken by another
 * meanwhile is left alone.
 */
export async function noteReplies(
  pool: Pool,
  webhookId: string,
  replies: readonly { delivery: ClaimedDelivery; reply: Reply }[],
  { retry, random }: { retry: RetryPolicy; random: () => number },
): Promise<void> {
  for (const { delivery, reply } of replies)
    await transaction(pool, async (tx) => {
      const { id, attempts, max_attempts, event_type } = delivery;
      const { status, error } = reply;
      const gone = status === GONE;
      const isLast = gone || attempts >= max_attempts;
      const retryMs = error === null || isLast ? null : retryDelay(retry, attempts, random());
      if (!(await noteAttempt(tx, { id, attempts, status, error, retryMs }))) return;
      if (gone && (await disableWebhook(tx, webhookId, "it answered 410 Gone")))
        await insertEvents(tx, [
          event("webhook.disabled", { webhook_id: webhookId, reason: "it answered 410 Gone" }),
        ]);
      if (error !== null && isLast)
        await insertEvents(tx, [
          event("webhook.delivery_failed", {
            webhook_id: webhookId,
            delivery_id: id,
            event_type,
            attempts,
            status,
            error,
          }),
        ]);
    });
  const failed = replies.every(({ reply }) => reply.error !== null);
  const failures = await noteBatch(pool, webhookId, failed);
  const block = { ...retry, maxDelayMs: Math.min(retry.maxDelayMs, MOST_BLOCKED_MS) };
  if (failures > 0) await blockWebhook(pool, webhookId, retryDelay(block, failures, random()));
}

function event(event_type: string, payload: Record<string, unknown>) {
  return { event_type, workspace_id: null, payload };
}
