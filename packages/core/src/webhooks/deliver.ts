import { insertEvents } from "../db/events.js";
import { newEvent } from "../domain/events.js";
import { transaction, type Pool } from "../db/pool.js";
import { blockWebhook, disableWebhook, noteBatch } from "../db/webhooks.js";
import { claimDeliveries, noteAttempt, type ClaimedDelivery } from "../db/webhook-deliveries.js";
import { retryDelay, type RetryPolicy } from "../domain/backoff.js";
import type { Destinations } from "./destinations.js";
import { send, type Reply } from "./send.js";
import { openSecret } from "./seal.js";
import { signedRequest } from "./sign.js";

/** Deliveries of one webhook under way at once. */
const AT_ONCE = 8;
/** How long a lane is kept before others have their turn, in ms. */
const TURN_MS = 10_000;
/** Beyond the time for an answer, what recording may take before another may send it again, in ms. */
const RECORDING_MS = 10_000;
/** The longest that an endpoint is left alone for having refused: new events wait for so long at most. In ms. */
const MAX_BLOCKED_MS = 60_000;

export interface Delivering {
  pool: Pool;
  destinations: Destinations;
  /** How long an endpoint may take for its answer, in ms. */
  timeoutMs: number;
  /** What secrets are sealed under. */
  secret: string;
  retry: RetryPolicy;
  signal: AbortSignal;
  /** Told of each request's end. */
  observe?: (reply: Reply, ms: number) => void;
}

/** Sends what is due of one webhook, until nothing is or its turn is over. @returns how many were sent */
export async function deliverDue(deps: Delivering, webhookId: string): Promise<number> {
  const { pool, retry, timeoutMs, signal } = deps;
  const turnEnds = performance.now() + TURN_MS;
  let sent = 0;
  while (performance.now() < turnEnds && !signal.aborted) {
    const batch = await claimDeliveries(pool, webhookId, {
      limit: AT_ONCE,
      leaseMs: timeoutMs + RECORDING_MS,
    });
    if (batch.length === 0) break;
    const replies = await Promise.all(
      batch.map(async (delivery) => ({
        delivery,
        reply: await sendObserved(deps, webhookId, delivery),
      })),
    );
    await noteReplies(pool, webhookId, replies, { retry, random: Math.random });
    sent += batch.length;
  }
  return sent;
}

async function sendObserved(deps: Delivering, webhookId: string, delivery: ClaimedDelivery): Promise<Reply> {
  const begun = performance.now();
  const reply = await sendSigned(deps, webhookId, delivery);
  deps.observe?.(reply, performance.now() - begun);
  return reply;
}

function sendSigned(
  { destinations, timeoutMs, secret, signal }: Delivering,
  webhookId: string,
  delivery: ClaimedDelivery,
): Promise<Reply> {
  const secrets = delivery.secrets.flatMap((kept) => openSecret(secret, webhookId, kept) ?? []);
  if (secrets.length === 0) return Promise.resolve({ status: null, error: UNREADABLE });
  const request = signedRequest({ ...delivery, secrets }, new Date());
  return send(destinations, delivery.url, request, { timeoutMs, signal });
}

const UNREADABLE =
  "its secret was sealed under another BERTH_SECRET: give it a new one (POST /webhooks/:id/secret)";
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
          newEvent("webhook.disabled", null, { webhook_id: webhookId, reason: "it answered 410 Gone" }),
        ]);
      if (error !== null && isLast)
        await insertEvents(tx, [
          newEvent("webhook.delivery_failed", null, {
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
  const block = { ...retry, maxDelayMs: Math.min(retry.maxDelayMs, MAX_BLOCKED_MS) };
  if (failures > 0) await blockWebhook(pool, webhookId, retryDelay(block, failures, random()));
}
