import type { Report } from "../base/report.js";
import type { Backend, CallOptions } from "../compute/backend.js";
import { getPlace, imagesIn } from "../db/places.js";
import type { Pool } from "../db/pool.js";
import type { BackendName } from "../domain/backend.js";
import { mismatchOf } from "../domain/place.js";

/** Where to look if a place says nothing. */
const CURES: Readonly<Record<BackendName, string>> = {
  docker: "see that it runs, that this user may use it, and DOCKER_HOST or the places file",
  ec2: "see the Region, the credentials and the way to AWS",
  process: "see BERTH_DATA_DIR or the places file",
  external: "",
};

/**
 * What a worker with these settings would meet in a place, asked without changing anything there or in the database.
 * @param pool null: the database can't be asked which place is meant, nor what it is to run
 */
export async function examinePlace(
  pool: Pool | null,
  name: string,
  backend: Backend,
  call: CallOptions,
): Promise<Report> {
  const line = (text: string): string => `place ${name}: ${text}`;
  try {
    const seen = await backend.identify(call);
    const recorded = pool === null ? null : ((await getPlace(pool, name))?.identity ?? null);
    const wrong =
      recorded === null || recorded === seen ? [] : [mismatchOf(backend.name, name, recorded, seen)];
    const images = pool === null ? [] : await imagesIn(pool, name);
    const { found, lacks, warnings } = (await backend.examine?.({ ...call, images })) ?? {
      found: backend.name,
      lacks: [],
      warnings: [],
    };
    return {
      found: seen === null || found.includes(seen) ? found : `${found}, ${seen}`,
      unreachable: null,
      lacks: [...wrong, ...lacks].map(line),
      warnings: warnings.map(line),
    };
  } catch (error) {
    const unreachable = line(`can't be used: ${(error as Error).message}: ${CURES[backend.name]}`);
    return { found: null, unreachable, lacks: [], warnings: [] };
  }
}
