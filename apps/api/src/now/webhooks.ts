import type { Mute } from "@berth/core/db/now";
import type { Trouble } from "../schemas/now.js";
import { trouble } from "./trouble.js";

/** What doesn't reach a webhook's endpoint: what it missed for good waits for a person, what is sent again doesn't. */
export function ofWebhook(webhook: Mute): Trouble[] {
  const { enabled, refused, refused_since, next_at, dead, dead_since, last_error: cause } = webhook;
  // The rest of an address may be a secret.
  const { host } = new URL(webhook.url);
  if (!enabled)
    return [
      trouble("webhook_off", `The webhook of ${host} was turned off by its endpoint`, {
        cause: webhook.disabled_reason,
        remedy: "It is told nothing until somebody turns it on again, or deletes it.",
        needs_person: true,
        since: webhook.disabled_at,
      }),
    ];
  const missed = trouble("webhook_missed", `${host} has missed ${deliveries(dead)}`, {
    cause,
    remedy: "Berth has given them up after its last try. Send them again once the endpoint takes them.",
    needs_person: true,
    count: dead,
    since: dead_since,
  });
  const late = trouble("webhook_refused", `${host} doesn't take ${deliveries(refused)}`, {
    cause,
    remedy: "Berth sends them again by itself, less and less often, and gives them up after some hours.",
    count: refused,
    since: refused_since,
    next_at,
  });
  return [...(dead > 0 ? [missed] : []), ...(refused > 0 ? [late] : [])];
}

function deliveries(count: number): string {
  return count === 1 ? "an event" : `${count} events`;
}
