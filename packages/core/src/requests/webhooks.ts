import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { insertEvents, settleEvents } from "../db/events.js";
import { transaction, type Pool, type Queryable, type Tx } from "../db/pool.js";
import {
  blockWebhook,
  changeSecret,
  countWebhooksAlone,
  deleteWebhook,
  disableWebhook,
  getDelivery,
  getWebhook,
  insertPing,
  insertWebhook,
  lockWebhook,
  noteAttempt,
  noteBatch,
  retryDeliveries,
  updateWebhook,
  type ClaimedDelivery,
  type CountedWebhook,
  type Delivery,
  type Webhook,
} from "../db/webhooks.js";
import { retryDelay, type RetryPolicy } from "../domain/backoff.js";
import { BerthError } from "../base/errors.js";
import { acceptOnce, type Asker } from "./idempotency.js";

/** Each event is compared with each of them. */
export const MOST_WEBHOOKS = 100;
/** For how long the secret before the present one signs too, in ms. */
export const SECRET_OVERLAP_MS = 86_400_000;
/** The longest that an endpoint is left alone for having refused: new events wait for so long at most. In ms. */
const MOST_BLOCKED_MS = 60_000;

/** What is told, and where. */
export type WebhookTerms = Pick<
  Webhook,
  "url" | "description" | "types" | "workspace_id" | "labels" | "enabled"
>;
type ChangeAsker = Asker & { ifVersion?: number };

/** Makes one that is told of events from here on. @throws BerthError `too_many_webhooks` */
export async function createWebhook(
  pool: Pool,
  terms: WebhookTerms,
  asker: Asker,
): Promise<{ webhook: CountedWebhook; secret: string }> {
  // What has happened isn't news.
  await settleEvents(pool);
  return acceptOnce(pool, null, asker, async (tx) => {
    if ((await countWebhooksAlone(tx)) >= MOST_WEBHOOKS)
      throw new BerthError(
        "too_many_webhooks",
        `there are ${MOST_WEBHOOKS} webhooks, as many as may be: delete one, or have one receiver tell others`,
        { most: MOST_WEBHOOKS },
      );
    const id = randomUUID();
    const secret = newSecret();
    await insertWebhook(tx, { ...terms, id, secret, created_by: asker.requestedBy });
    await tell(tx, "webhook.created", { id, url: terms.url }, asker);
    return { webhook: await requireWebhook(tx, id), secret };
  });
}

/** Changes what is given. One that is enabled begins anew with what is due. @throws BerthError `webhook_not_found`, `precondition_failed` */
export async function changeWebhook(
  pool: Pool,
  id: string,
  change: Partial<WebhookTerms>,
  asker: ChangeAsker,
): Promise<CountedWebhook> {
  return acceptOnce(pool, null, asker, async (tx) => {
    const before = await requireLocked(tx, id, asker);
    const after = { ...before, ...change };
    const disabled_reason = after.enabled ? null : before.enabled ? "asked for" : before.disabled_reason;
    await updateWebhook(tx, { ...after, disabled_reason });
    await tell(tx, "webhook.changed", { id, url: after.url, changed: Object.keys(change) }, asker);
    return requireWebhook(tx, id);
  });
}

/** Gives it a new secret. @throws BerthError `webhook_not_found`, `precondition_failed` */
export async function rotateSecret(
  pool: Pool,
  id: string,
  asker: ChangeAsker,
): Promise<{ webhook: CountedWebhook; secret: string }> {
  return acceptOnce(pool, null, asker, async (tx) => {
    const { url } = await requireLocked(tx, id, asker);
    const secret = newSecret();
    await changeSecret(tx, id, secret, SECRET_OVERLAP_MS);
    await tell(tx, "webhook.secret_changed", { id, url }, asker);
    return { webhook: await requireWebhook(tx, id), secret };
  });
}

/** With its deliveries, also those that wait. @throws BerthError `webhook_not_found`, `precondition_failed` */
export async function removeWebhook(pool: Pool, id: string, asker: ChangeAsker): Promise<CountedWebhook> {
  return acceptOnce(pool, null, asker, async (tx) => {
    await requireLocked(tx, id, asker);
    const webhook = await requireWebhook(tx, id);
    await deleteWebhook(tx, id);
    await tell(tx, "webhook.removed", { id, url: webhook.url }, asker);
    return webhook;
  });
}

/** Sends something for trying. @throws BerthError `webhook_not_found`, `webhook_disabled` */
export async function pingWebhook(pool: Pool, id: string, asker: Asker): Promise<Delivery> {
  return acceptOnce(pool, null, asker, async (tx) => {
    const { enabled } = await requireLocked(tx, id, asker);
    if (!enabled) throw disabled(id);
    const delivery = randomUUID();
    const data = { webhook_id: id, requested_by: asker.requestedBy };
    await insertPing(tx, { id: delivery, webhook_id: id, event_type: "webhook.ping", data, max_attempts: 1 });
    return requireDelivery(tx, id, delivery);
  });
}

/** Sends one delivery again, whatever became of it. @throws BerthError `webhook_not_found`, `delivery_not_found`, `webhook_disabled` */
export async function retryDelivery(
  pool: Pool,
  { webhookId, id, attempts }: { webhookId: string; id: string; attempts: number },
  asker: Asker,
): Promise<Delivery> {
  return acceptOnce(pool, null, asker, async (tx) => {
    const { enabled } = await requireLocked(tx, webhookId, asker);
    await requireDelivery(tx, webhookId, id);
    if (!enabled) throw disabled(webhookId);
    await retryDeliveries(tx, webhookId, { id, attempts });
    return requireDelivery(tx, webhookId, id);
  });
}

/** Sends all that was given up again. @returns how many. @throws BerthError `webhook_not_found`, `webhook_disabled` */
export async function retryDead(pool: Pool, id: string, attempts: number, asker: Asker): Promise<number> {
  return acceptOnce(pool, null, asker, async (tx) => {
    const { enabled } = await requireLocked(tx, id, asker);
    if (!enabled) throw disabled(id);
    return retryDeliveries(tx, id, { attempts });
  });
}

/** @throws BerthError `webhook_not_found` */
export async function requireWebhook(db: Queryable, id: string): Promise<CountedWebhook> {
  const webhook = await getWebhook(db, id);
  if (webhook === null) throw notFound(id);
  return webhook;
}

/** @throws BerthError `delivery_not_found` */
export async function requireDelivery(db: Queryable, webhookId: string, id: string): Promise<Delivery> {
  const delivery = await getDelivery(db, webhookId, id);
  if (delivery !== null) return delivery;
  throw new BerthError("delivery_not_found", `webhook ${webhookId} has no delivery ${id}`, {
    webhook_id: webhookId,
    delivery_id: id,
  });
}

/** A request that tells of an event, signed after https://www.standardwebhooks.com (1.0.0). */
export function signedRequest(
  delivery: Pick<ClaimedDelivery, "id" | "event_type" | "data" | "created_at" | "secrets">,
  now: Date,
): { headers: Record<string, string>; body: string } {
  const { id, event_type, data, created_at, secrets } = delivery;
  const told = typeof data["created_at"] === "string" ? data["created_at"] : created_at.toISOString();
  const body = JSON.stringify({ type: event_type, timestamp: told, data });
  const seconds = Math.floor(now.getTime() / 1_000);
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), "base64");
    return `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64")}`;
  });
  return {
    body,
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(seconds),
      "webhook-signature": signatures.join(" "),
    },
  };
}

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

async function requireLocked(tx: Tx, id: string, { ifVersion }: ChangeAsker): Promise<Webhook> {
  const webhook = await lockWebhook(tx, id);
  if (webhook === null) throw notFound(id);
  if (ifVersion !== undefined && webhook.version !== ifVersion)
    throw new BerthError(
      "precondition_failed",
      `webhook ${id}: its version is ${webhook.version}, not ${ifVersion}`,
      { version: webhook.version },
    );
  return webhook;
}

function notFound(id: string): BerthError {
  return new BerthError("webhook_not_found", `there is no webhook ${id}`, { webhook_id: id });
}

function disabled(id: string): BerthError {
  return new BerthError("webhook_disabled", `webhook ${id} is disabled: enable it first`, { webhook_id: id });
}

const SECRET_PREFIX = "whsec_";
function newSecret(): string {
  return SECRET_PREFIX + randomBytes(32).toString("base64");
}

async function tell(
  tx: Tx,
  type: string,
  { id, url, ...more }: { id: string; url: string; changed?: string[] },
  asker: Asker,
): Promise<void> {
  // The path and query of a URL may be all that keeps others out.
  const { origin } = new URL(url);
  await insertEvents(tx, [event(type, { webhook_id: id, origin, ...more, requested_by: asker.requestedBy })]);
}

function event(event_type: string, payload: Record<string, unknown>) {
  return { event_type, workspace_id: null, payload };
}
