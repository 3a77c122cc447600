import type { Gauge } from "prom-client";

/** A part of the state's metrics that may fail to answer by itself. */
export interface Source {
  gauges: Gauge[];
  /** Reads, and gives what then writes the gauges at once: two scrapes don't mix. */
  read(): Promise<() => void>;
}
