import type { Heartbeats } from "@berth/core/agents/heartbeat";
import { figuresOf } from "@berth/core/metrics/figures";
import { measureProcess } from "@berth/core/metrics/process";
import type { Registry } from "prom-client";
import type { Services } from "../services.js";

/** What this API process tells of itself. Services are looked at when it is scraped, and no earlier. */
export function measureApi(registry: Registry, services: Services): void {
  measureProcess(registry, {
    role: services.config.role,
    pools: () => ({ requests: services.pool, vital: services.vitalPool }),
  });
  figuresOf(registry).scraped(
    "berth_streams",
    "Streams that are open, of events or of logs.",
    ["of"],
    (one) => {
      one.set({ of: "events" }, services.feed.open());
      one.set({ of: "logs" }, services.following.open());
    },
  );
}

/** Heartbeats, counted by what became of them: ok, stale (not of the current generation) or refused (not recorded). */
export function countBeats(registry: Registry, heartbeats: Heartbeats): Heartbeats {
  const beats = figuresOf(registry).counter(
    "berth_heartbeats_total",
    "Heartbeats and registrations: ok, stale (not of the current generation) or refused (not recorded).",
    "outcome",
  );
  return {
    async beat(report) {
      try {
        const taken = await heartbeats.beat(report);
        beats.inc({ outcome: taken.outcome });
        return taken;
      } catch (error) {
        beats.inc({ outcome: "refused" });
        throw error;
      }
    },
    close: () => heartbeats.close(),
  };
}
