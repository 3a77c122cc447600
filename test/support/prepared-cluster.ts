import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { runnableBinaries } from "@berth/standalone/postgres/binaries";
import { initialise, placeCluster } from "@berth/standalone/postgres/cluster";

const exec = promisify(execFile);

/** Where a run has its prepared cluster: inherited by all that it starts. */
const PLACE = "BERTH_TEST_CLUSTER";

/** Makes what `copyCluster` copies: a data directory that `initdb` has been run in, and nothing else. */
export async function prepareCluster(parent: string): Promise<void> {
  const dataDir = join(parent, "prepared");
  const cluster = await placeCluster(dataDir);
  await initialise(cluster, await runnableBinaries(cluster.account));
  process.env[PLACE] = dataDir;
}

/**
 * Puts a PostgreSQL cluster that nobody has started yet into a data directory, as a first start does, for a sixteenth of
 * what `initdb` takes. Outside of a run that has prepared one it does nothing, and the start will.
 */
export async function copyCluster(dataDir: string): Promise<void> {
  const prepared = process.env[PLACE];
  if (prepared === undefined) return;
  await mkdir(dataDir, { recursive: true });
  await exec("cp", ["-a", join(prepared, "postgres"), dataDir]);
}
