import { listPlacesInUse } from "../db/places.js";
import { sweepsIn } from "../domain/sweep.js";
import type { Sweep } from "./sweep.js";

/**
 * A sweep that asks providers, as the beat runs it: it has each place that is in use asked for by itself, by a worker
 * that serves it. One that doesn't answer, or that nobody serves, keeps its own run and no other's (I15).
 */
export function fanOut(sweep: Sweep, ask: (place: string) => Promise<void>): Sweep {
  return {
    name: sweep.name,
    limit: 100_000,
    runLimitMs: 30_000,
    breaker: false,
    perPlace: false,
    async plan({ pool }) {
      const places = (await listPlacesInUse(pool)).filter(({ backend }) => sweepsIn(sweep.name, backend));
      return {
        lookedAt: places.length,
        actions: places.map(({ name }) => ({
          key: name,
          what: `have a worker that serves place ${name} run ${sweep.name} for it`,
          why: "it is in use",
          harmless: true,
          async run() {
            await ask(name);
            return "asked";
          },
        })),
      };
    },
  };
}
