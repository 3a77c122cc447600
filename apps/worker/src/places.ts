import type { Backend } from "@berth/core/compute/backend";
import type { WorkerConfig } from "@berth/core/config/config";
import { type FilePlace, PlacesFileError, readPlacesFile } from "@berth/core/config/places-file";
import type { FirstSettings } from "@berth/core/db/places";
import type { Logger } from "@berth/core/base/logger";
import type { ServedPlaces } from "@berth/core/places/keeper";

export interface OpenPlaces extends ServedPlaces {
  /**
   * Reads the file anew: a place that it gives otherwise than before has a new backend from then on.
   * @throws PlacesFileError, and all stays as it was
   */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** The file's word of one place, and what was opened upon it. */
interface Opened {
  said: string;
  backend: Backend;
}

/**
 * What a worker is to serve: the places of the file, or one of each backend; and `external`, which any worker reaches.
 * @throws PlacesFileError
 */
export async function openPlaces(
  { placesFile, backends }: Pick<WorkerConfig, "placesFile" | "backends">,
  open: (place: FilePlace) => Promise<Backend>,
): Promise<OpenPlaces> {
  let places = new Map<string, Opened>();
  let first: ReadonlyMap<string, FirstSettings> = new Map();
  // Those of places that were taken from the file go on to serve what had begun, so they are closed at the end.
  const all: Backend[] = [];
  const readAnew = async (): Promise<void> => {
    const wanted = placesFile === null ? backends.map(usual) : readPlacesFile(placesFile);
    const now = new Map<string, Opened>();
    for (const place of [...wanted, usual("external")]) {
      const { name, backend, fields } = place;
      if (now.has(name)) continue;
      const said = JSON.stringify([backend, fields]);
      const before = places.get(name);
      if (before?.said === said) {
        now.set(name, before);
        continue;
      }
      const made = await opened(place, open);
      all.push(made);
      now.set(name, { said, backend: made });
    }
    places = now;
    first = new Map(wanted.map((place) => [place.name, place.first]));
  };
  let reading = readAnew();
  // One after the other: each compares the file with what the one before has opened.
  const reload = (): Promise<void> => (reading = reading.catch(() => undefined).then(readAnew));
  await reading;
  return {
    get backends() {
      return new Map([...places].map(([name, { backend }]) => [name, backend]));
    },
    get first() {
      return first;
    },
    reload,
    async close() {
      await Promise.all(all.map((backend) => backend.close()));
    },
  };
}

/** Reads the file anew at each SIGHUP; what is wrong with it is told, and changes nothing. @returns its end */
export function reloadOnHangup(
  places: OpenPlaces,
  worker: { serve(places: ServedPlaces): void },
  logger: Logger,
): () => void {
  const reload = async (): Promise<void> => {
    try {
      await places.reload();
    } catch (error) {
      if (!(error instanceof PlacesFileError)) throw error;
      for (const problem of error.problems) logger.error(`${problem}; the places stay as before`);
      return;
    }
    worker.serve(places);
    logger.info({ places: [...places.backends.keys()] }, "places read anew");
  };
  const onHangup = () => void reload();
  process.on("SIGHUP", onHangup);
  return () => void process.off("SIGHUP", onHangup);
}

function usual(backend: FilePlace["backend"]): FilePlace {
  return {
    name: backend,
    backend,
    fields: {},
    first: { capacity: undefined, weight: undefined, labels: {} },
  };
}

async function opened(place: FilePlace, open: (place: FilePlace) => Promise<Backend>): Promise<Backend> {
  try {
    return await open(place);
  } catch (error) {
    // What only the client of a backend can tell: a host of an impossible form, a certificate that is none.
    throw new PlacesFileError([`places.${place.name}: ${(error as Error).message}`]);
  }
}
