import { countByPlace } from "@berth/core/db/counts";
import type { Pool } from "@berth/core/db/pool";
import { figuresOf } from "@berth/core/metrics/figures";
import type { Registry } from "prom-client";
import type { Source } from "./source.js";

/** As many places have figures, by name. */
const MAX_PLACES = 1_000;

/** The figures of places: a source of the state's metrics. */
export function placeMetrics(registry: Registry, pool: Pool): Source {
  const { gauge } = figuresOf(registry);
  const workspaces = gauge(
    "berth_place_workspaces",
    "Workspaces in a place that aren't removed.",
    "place",
    "status",
  );
  const workers = gauge("berth_place_workers", "Live workers, by what they reach there.", "place", "state");
  const obligations = gauge(
    "berth_place_obligations",
    "Things in a place that are to go and aren't proven gone.",
    "place",
  );
  const capacity = gauge("berth_place_capacity", "How many workspaces may hold something there.", "place");
  const cordoned = gauge("berth_place_cordoned", "1 if a place takes no workspaces.", "place");
  return {
    gauges: [workspaces, workers, obligations, capacity, cordoned],
    async read() {
      const counts = await countByPlace(pool, MAX_PLACES);
      return () => {
        for (const { place, status, n } of counts.workspaces) workspaces.set({ place, status }, n);
        for (const { place, state, n } of counts.workers) workers.set({ place, state }, n);
        for (const one of counts.places) {
          obligations.set({ place: one.place }, one.obligations);
          cordoned.set({ place: one.place }, Number(one.cordoned));
          if (one.capacity !== null) capacity.set({ place: one.place }, one.capacity);
        }
      };
    },
  };
}
