import { summarizeLeaks } from "@berth/core/db/leaks";
import type { Pool } from "@berth/core/db/pool";
import { priceOf, type Prices } from "@berth/core/domain/prices";
import { figuresOf } from "@berth/core/metrics/figures";
import type { Registry } from "prom-client";
import type { Source } from "./source.js";

/** What is to go and isn't proven gone: a source of the state's metrics. */
export function leakMetrics(registry: Registry, { pool, prices }: { pool: Pool; prices: Prices }): Source {
  const { gauge } = figuresOf(registry);
  const leaks = gauge(
    "berth_leaks",
    "Open obligations and unclaimed things that are not in the ordinary course of an operation.",
    "source",
    "backend",
    "kind",
  );
  const obligations = gauge(
    "berth_obligations",
    "Things that are to go and aren't proven gone, those of running operations too.",
    "backend",
    "kind",
  );
  const oldest = gauge(
    "berth_obligations_oldest_seconds",
    "For how long the oldest of them has been to go.",
    "backend",
    "kind",
  );
  const cost = gauge(
    "berth_obligations_cost_per_hour",
    "What they cost an hour by the table of prices; those without a price not counted.",
    "backend",
    "kind",
  );
  return {
    gauges: [leaks, obligations, oldest, cost],
    async read() {
      const rows = await summarizeLeaks(pool);
      return () => {
        const ages = new Map<string, number>();
        for (const { source, backend, kind, under_way, details, n, oldest_s } of rows) {
          if (!under_way) leaks.inc({ source, backend, kind }, n);
          obligations.inc({ backend, kind }, n);
          cost.inc({ backend, kind }, n * (priceOf(prices, { backend, kind, details }) ?? 0));
          const age = Math.max(oldest_s, ages.get(`${backend}/${kind}`) ?? 0);
          ages.set(`${backend}/${kind}`, age);
          oldest.set({ backend, kind }, age);
        }
      };
    },
  };
}
