import { statfs } from "node:fs/promises";
import type { Examination } from "../details.js";
import { unreachable, type Places } from "./places.js";
import { closedAbove, type ProcessUser } from "./user.js";

const LEAST_FREE_BYTES = 2 ** 30;

/** The disk that volumes and logs are on. @throws BackendError if its directory isn't there */
export async function examineMachine(places: Places, user: ProcessUser | undefined): Promise<Examination> {
  const { root } = places;
  const { bavail, bsize } = await statfs(root).catch((error: unknown) => {
    throw unreachable("look at the data directory", error);
  });
  const gib = ((bavail * bsize) / 2 ** 30).toFixed(1);
  const low = bavail * bsize < LEAST_FREE_BYTES;
  const closed = user === undefined ? [] : await closedAbove(places);
  return {
    found: `processes in ${root}, ${gib} GiB free`,
    lacks: [],
    warnings: [
      ...(low ? [`has ${gib} GiB left in ${root}: make room, or change BERTH_DATA_DIR`] : []),
      ...closed.map(
        (path) => `BERTH_PROCESS_USER may not enter ${path}: chmod o+x it, or change BERTH_DATA_DIR`,
      ),
    ],
  };
}
