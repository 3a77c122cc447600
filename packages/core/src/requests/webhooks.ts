import { randomUUID } from "node:crypto";
import { insertEvents, settleEvents } from "../db/events.js";
import { newEvent } from "../domain/events.js";
import type { Pool, Queryable, Tx } from "../db/pool.js";
import {
  changeSecret,
  countWebhooksAlone,
  deleteWebhook,
  getWebhook,
  insertWebhook,
  lockWebhook,
  updateWebhook,
  type CountedWebhook,
  type Webhook,
} from "../db/webhooks.js";
import { getDelivery, insertPing, retryDeliveries, type Delivery } from "../db/webhook-deliveries.js";
import { BerthError } from "../base/errors.js";
import { newSecret } from "../base/webhook-secret.js";
import { acceptIdempotently, type Asker } from "./idempotency.js";

/** Each event is compared with each of them. */
export const MAX_WEBHOOKS = 100;
/** For how long the secret before the present one signs too, in ms. */
export const SECRET_OVERLAP_MS = 86_400_000;

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
  return acceptIdempotently(pool, null, asker, async (tx) => {
    if ((await countWebhooksAlone(tx)) >= MAX_WEBHOOKS)
      throw new BerthError(
        "too_many_webhooks",
        `there are ${MAX_WEBHOOKS} webhooks, as many as may be: delete one, or have one receiver tell others`,
        { most: MAX_WEBHOOKS },
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
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const before = await requireLocked(tx, id, asker);
    const after = { ...before, ...change };
    const disabled_reason = after.enabled ? null : before.enabled ? "asked for" : before.disabled_reason;
    await updateWebhook(tx, { ...after, disabled_reason });
    const payload = { ...payloadOf(after, asker), changed: Object.keys(change) };
    await insertEvents(tx, [newEvent("webhook.changed", null, payload)]);
    return requireWebhook(tx, id);
  });
}

/** Gives it a new secret. @throws BerthError `webhook_not_found`, `precondition_failed` */
export async function rotateSecret(
  pool: Pool,
  id: string,
  asker: ChangeAsker,
): Promise<{ webhook: CountedWebhook; secret: string }> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const { url } = await requireLocked(tx, id, asker);
    const secret = newSecret();
    await changeSecret(tx, id, secret, SECRET_OVERLAP_MS);
    await tell(tx, "webhook.secret_changed", { id, url }, asker);
    return { webhook: await requireWebhook(tx, id), secret };
  });
}

/** With its deliveries, also those that wait. @throws BerthError `webhook_not_found`, `precondition_failed` */
export async function removeWebhook(pool: Pool, id: string, asker: ChangeAsker): Promise<CountedWebhook> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    await requireLocked(tx, id, asker);
    const webhook = await requireWebhook(tx, id);
    await deleteWebhook(tx, id);
    await tell(tx, "webhook.removed", { id, url: webhook.url }, asker);
    return webhook;
  });
}

/** Sends something for trying. @throws BerthError `webhook_not_found`, `webhook_disabled` */
export async function pingWebhook(pool: Pool, id: string, asker: Asker): Promise<Delivery> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
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
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const { enabled } = await requireLocked(tx, webhookId, asker);
    await requireDelivery(tx, webhookId, id);
    if (!enabled) throw disabled(webhookId);
    await retryDeliveries(tx, webhookId, { id, attempts });
    return requireDelivery(tx, webhookId, id);
  });
}

/** Sends all that was given up again. @returns how many. @throws BerthError `webhook_not_found`, `webhook_disabled` */
export async function retryDead(pool: Pool, id: string, attempts: number, asker: Asker): Promise<number> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
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

async function tell(
  tx: Tx,
  type: `webhook.${"created" | "secret_changed" | "removed"}`,
  webhook: { id: string; url: string },
  asker: Asker,
): Promise<void> {
  await insertEvents(tx, [newEvent(type, null, payloadOf(webhook, asker))]);
}

/** The path and query of a URL may be all that keeps others out. */
function payloadOf({ id, url }: { id: string; url: string }, asker: Asker) {
  return { webhook_id: id, origin: new URL(url).origin, requested_by: asker.requestedBy };
}
