import { createHmac } from "node:crypto";
import { SECRET_PREFIX } from "../base/webhook-secret.js";
import type { ClaimedDelivery } from "../db/webhook-deliveries.js";

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
