import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Bounds in seconds of what takes from a few ms to some minutes. */
export const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Makes the figures of one registry. One that is there is given again: the standalone has one registry for all its parts. */
export function figuresOf(registry: Registry) {
  const once = <M>(name: string, make: () => M): M =>
    (registry.getSingleMetric(name) as M | undefined) ?? make();
  return {
    counter: <L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
      once(name, () => new Counter({ name, help, labelNames, registers: [registry] })),
    histogram: <L extends string>(name: string, help: string, ...labelNames: L[]): Histogram<L> =>
      once(name, () => new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [registry] })),
    gauge: <L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
      once(name, () => new Gauge({ name, help, labelNames, registers: [registry] })),
    /** @param read sets it at each scrape */
    scraped: <L extends string>(
      name: string,
      help: string,
      labelNames: L[],
      read: (gauge: Gauge<L>) => void,
    ): Gauge<L> =>
      once(
        name,
        () =>
          new Gauge({
            name,
            help,
            labelNames,
            registers: [registry],
            collect() {
              this.reset();
              read(this);
            },
          }),
      ),
  };
}
