import { within } from "@berth/core/base/deadline";
import { listPlacesInUse } from "@berth/core/db/places";
import type { Pool } from "@berth/core/db/pool";
import type { Queues } from "@berth/core/queues/producer";
import { livenessOfSweeps } from "@berth/core/sweeps/state";
import { figuresOf } from "@berth/core/metrics/figures";
import type { Registry } from "prom-client";
import { countOperations, countWorkspaces } from "@berth/core/db/counts";
import { countDeliveries } from "@berth/core/db/webhooks";
import { listQuotaUses } from "@berth/core/db/quotas";
import type { Prices } from "@berth/core/domain/prices";
import { labelText } from "@berth/core/domain/quota";
import { leakMetrics } from "./leaks.js";
import { placeMetrics } from "./places.js";
import type { Source } from "./source.js";

const QUEUE_STATES = ["waiting", "active", "delayed", "failed"] as const;
/** BullMQ's word for what waits with a priority: each asker has its turn. */
const IN_TURN = "prioritized";
/** How long one source may take at a scrape, in ms. */
const LIMIT_MS = 2_000;
/** As many quotas have figures. */
const MAX_QUOTAS = 1_000;

/** What a scrape is told of the whole deployment: every API process says the same. */
export interface StateMetrics {
  /** Looks anew. A source that doesn't answer has no figures this time, and `berth_source_up` says so. */
  refresh(): Promise<void>;
}

export function createStateMetrics(
  registry: Registry,
  { pool, queues, prices }: { pool: Pool; queues: Queues; prices: Prices },
): StateMetrics {
  const { gauge } = figuresOf(registry);

  const up = gauge("berth_source_up", "1 if what the other figures come from answered this time.", "source");
  const workspaces = gauge("berth_workspaces", "Workspaces that aren't removed.", "backend", "status");
  const operations = gauge("berth_operations", "Operations that are unfinished.", "kind", "state");
  const oldest = gauge(
    "berth_operations_oldest_waiting_seconds",
    "For how long the oldest operation waits that no worker has ever taken up.",
    "kind",
  );
  const ended = gauge(
    "berth_operations_ended_last_hour",
    "Operations ended in the last hour.",
    "kind",
    "state",
  );
  const jobs = gauge(
    "berth_queue_jobs",
    "Jobs in a queue. Delayed ones wait for their turn.",
    "queue",
    "state",
  );
  const silent = gauge("berth_sweep_silent", "1 if a sweep is silent for over twice its interval.", "sweep");
  const quiet = gauge("berth_sweep_quiet_seconds", "Since a run of a sweep last ended.", "sweep");
  const duration = gauge("berth_sweep_duration_seconds", "How long a sweep's last run took.", "sweep");
  const failing = gauge("berth_sweep_failing", "1 if a sweep's last run failed.", "sweep");
  const paused = gauge("berth_sweep_paused", "1 if an operator has paused a sweep.", "sweep");
  const held = gauge("berth_sweep_held_acts", "Acts that a sweep's breaker holds back.", "sweep");
  const quotaRunning = gauge(
    "berth_quota_running",
    "Workspaces that run with the label of a quota. Of name:*, with the value that has most.",
    "quota",
  );
  const quotaLimit = gauge("berth_quota_limit", "How many a quota lets run.", "quota");

  const deliveries = gauge(
    "berth_webhook_deliveries",
    "Deliveries of a webhook that wait (pending) or were given up (dead), up to 10,000 each.",
    "webhook",
    "state",
  );

  // Each reads first and writes then, with nothing in between: two scrapes at once don't mix.
  const sources: Record<string, Source> = {
    workspaces: {
      gauges: [workspaces],
      async read() {
        const rows = await countWorkspaces(pool);
        return () => rows.forEach(({ n, ...labels }) => workspaces.set(labels, n));
      },
    },
    operations: {
      gauges: [operations, oldest, ended],
      async read() {
        const counts = await countOperations(pool);
        return () => {
          for (const { kind, state, n, oldest_s } of counts.unfinished) {
            operations.set({ kind, state }, n);
            if (oldest_s !== null) oldest.set({ kind }, oldest_s);
          }
          for (const { kind, state, n } of counts.ended) ended.set({ kind, state }, n);
        };
      },
    },
    queues: {
      gauges: [jobs],
      async read() {
        const places = (await listPlacesInUse(pool)).map(({ name }) => name);
        const shown = [
          {
            queue: "operations",
            from: [
              queues.unplaced,
              ...places.flatMap((place) => [queues.operationsOf(place), queues.endsOf(place)]),
            ],
          },
          { queue: "sweeps", from: [queues.sweeps] },
          { queue: "webhooks", from: [queues.webhooks] },
        ];
        const counts = await Promise.all(
          shown.map(async ({ queue, from }) => ({
            queue,
            byState: await Promise.all(from.map((one) => one.getJobCounts(...QUEUE_STATES, IN_TURN))),
          })),
        );
        return () => {
          for (const { queue, byState } of counts)
            for (const state of QUEUE_STATES)
              jobs.set(
                { queue, state },
                byState.reduce(
                  (sum, one) => sum + (one[state] ?? 0) + (state === "waiting" ? (one[IN_TURN] ?? 0) : 0),
                  0,
                ),
              );
        };
      },
    },
    sweeps: {
      gauges: [silent, quiet, duration, failing, paused, held],
      async read() {
        const states = await livenessOfSweeps(pool);
        return () => {
          for (const state of states) {
            const labels = { sweep: state.name };
            silent.set(labels, Number(state.silent));
            paused.set(labels, Number(state.paused));
            failing.set(labels, Number(state.last_error !== null));
            held.set(labels, state.held?.would_act ?? 0);
            if (state.registered) quiet.set(labels, state.quiet_ms / 1_000);
            if (state.last_duration_ms !== null) duration.set(labels, state.last_duration_ms / 1_000);
          }
        };
      },
    },
    quotas: {
      gauges: [quotaRunning, quotaLimit],
      async read() {
        const rows = await listQuotaUses(pool, { limit: MAX_QUOTAS });
        return () => {
          for (const row of rows) {
            quotaRunning.set({ quota: labelText(row) }, row.running);
            quotaLimit.set({ quota: labelText(row) }, row.max_running);
          }
        };
      },
    },
    webhooks: {
      gauges: [deliveries],
      async read() {
        const rows = await countDeliveries(pool);
        return () => rows.forEach(({ n, ...labels }) => deliveries.set(labels, n));
      },
    },
    places: placeMetrics(registry, pool),
    leaks: leakMetrics(registry, { pool, prices }),
  };

  return {
    async refresh() {
      await Promise.all(
        Object.entries(sources).map(async ([source, { gauges, read }]) => {
          const write = await within(LIMIT_MS, [], read).catch(() => null);
          // What is gone has no figure any more, and what couldn't be read no old one.
          for (const one of gauges) one.reset();
          write?.();
          up.set({ source }, Number(write !== null));
        }),
      );
    },
  };
}
