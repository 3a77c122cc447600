import type { Backend } from "@berth/core/compute/backend";
import type { Pool } from "@berth/core/db/pool";
import type { Logger } from "@berth/core/base/logger";
import { examinePlace } from "@berth/core/places/examine";

/** How long a place may take for what it is asked, in ms. */
const LIMIT_MS = 30_000;

/**
 * Says once in the log what the places of this worker lack. Nobody waits for it: a place that is down keeps nobody from the
 * others. EC2 is left to `berth doctor`, since its dry runs cost tokens of the smallest bucket.
 */
export async function tellOfPlaces(
  backends: ReadonlyMap<string, Backend>,
  pool: Pool,
  logger: Logger,
): Promise<void> {
  const cheap = [...backends].filter(([, { name }]) => name === "docker" || name === "process");
  await Promise.all(
    cheap.map(async ([place, backend]) => {
      const signal = AbortSignal.timeout(LIMIT_MS);
      // Who doesn't answer, or is another, is told by who keeps the places.
      const { found, lacks, warnings } = await examinePlace(pool, place, backend, { signal });
      if (found !== null) logger.info({ place }, found);
      for (const line of [...lacks, ...warnings]) logger.warn(line);
    }),
  );
}
