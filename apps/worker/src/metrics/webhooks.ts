import { figuresOf } from "@berth/core/metrics/figures";
import type { Delivering } from "@berth/core/webhooks/deliver";
import type { Registry } from "prom-client";

/** What became of each request to a webhook: taken, refused (by its status) or unreachable. */
export function webhookFigures(registry: Registry): NonNullable<Delivering["observe"]> {
  const { counter, histogram } = figuresOf(registry);
  const sent = counter(
    "berth_webhook_requests_total",
    "Requests to webhooks: taken, refused or unreachable.",
    "outcome",
  );
  const times = histogram("berth_webhook_request_duration_seconds", "How long requests to webhooks took.");
  return ({ status, error }, ms) => {
    sent.inc({ outcome: error === null ? "taken" : status === null ? "unreachable" : "refused" });
    times.observe(ms / 1_000);
  };
}
