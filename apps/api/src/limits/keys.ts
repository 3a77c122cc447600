import type { ApiConfig } from "@berth/core/config/config";
import { BerthError } from "@berth/core/base/errors";
import type { Budget, RateLimits } from "@berth/core/base/rate-limits";
import type { App } from "../services.js";

const READS = new Set(["GET", "HEAD", "OPTIONS"]);

export function isRead(method: string): boolean {
  return READS.has(method);
}

/** A page of so many rows, or fewer, counts as one. */
const ROWS_AT_ONE = 100;
const MAX_COST = 10;

/** What a request counts for: a long page costs as much as the short ones that it stands for. */
function costOf(query: unknown): number {
  const limit = Number((query as { limit?: unknown } | null)?.limit);
  return limit > ROWS_AT_ONE ? Math.min(MAX_COST, Math.ceil(limit / ROWS_AT_ONE)) : 1;
}

/**
 * Gives each key a budget for reads and one for writes, and says in each answer what is left of it
 * (draft-ietf-httpapi-ratelimit-headers). To be called after the key has been looked at.
 */
export function limitKeys(
  app: App,
  limits: RateLimits,
  { readsPerSecond, writesPerSecond }: Pick<ApiConfig, "readsPerSecond" | "writesPerSecond">,
): void {
  const reads: Budget = { name: "reads", quota: readsPerSecond, windowS: 1 };
  const writes: Budget = { name: "writes", quota: writesPerSecond, windowS: 1 };

  app.addHook("onRequest", async ({ caller, method, query, routeOptions }, reply) => {
    const budget = isRead(method) ? reads : writes;
    if (caller === undefined || routeOptions.config.unlimited === true || budget.quota === 0) return;
    const { over, left, resetS } = await limits.spend(
      budget,
      caller.keyId ?? caller.name,
      Math.min(budget.quota, costOf(query)),
    );
    void reply
      .header("ratelimit-policy", `"${budget.name}";q=${budget.quota};w=${budget.windowS}`)
      .header("ratelimit", `"${budget.name}";r=${left};t=${resetS}`);
    if (!over) return;
    void reply.header("retry-after", resetS);
    throw new BerthError("too_many_requests", `this key has ${budget.quota} ${budget.name} a second`);
  });
}
