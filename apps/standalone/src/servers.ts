import { startApi } from "@berth/api/start";
import { within } from "@berth/core/base/deadline";
import type { ApiConfig, WorkerConfig } from "@berth/core/config/config";
import { forgetInstallation, noteDatabase, openInstallation } from "@berth/core/db/installation";
import { createPool } from "@berth/core/db/pool";
import { openQueues } from "@berth/core/queues/producer";
import { openBackends } from "@berth/worker/backends";
import { faultAtStep } from "@berth/worker/fault";
import { reloadOnHangup } from "@berth/worker/places";
import { type RunningWorker, startWorker } from "@berth/worker/start";
import { tellOfPlaces } from "@berth/worker/tell-of-places";
import { Registry } from "prom-client";
import type { Arguments } from "./arguments.js";
import type { SimulatedEc2 } from "./simulated-ec2.js";
import type { Surroundings } from "./standalone.js";

/** Who is told that Berth is ready finds its places reached: one that doesn't answer is waited for no longer than this, in ms. */
const FIRST_LOOK_LIMIT_MS = 10_000;

/** Starts API and worker, to be ended in this order. @returns the API's URL. */
export async function startServers(
  config: ApiConfig & WorkerConfig,
  {
    aws,
    connections,
    newInstallation,
  }: Pick<Arguments, "newInstallation"> & { aws: SimulatedEc2["place"] | undefined; connections: number },
  { log, endings, signal }: Surroundings,
): Promise<string> {
  const pool = createPool(config.databaseUrl, { name: "berth", max: connections });
  endings.add("connections", () => pool.end());
  const queues = await openQueues(config, (error) => log.debug({ err: error }, "queue"), pool);
  endings.add("queues", () => queues.close());
  if (newInstallation) await forgetInstallation(pool);
  const installation = await openInstallation(pool);
  const doubt = await noteDatabase(pool).catch(() => null);
  if (doubt !== null) log.error(doubt);
  await queues.lease({ id: installation.id, pool }, (sentence) => log.error(sentence));
  const registry = new Registry();
  const places = await openBackends(config, pool, installation, log, { registry, aws });
  endings.add("backends", places.close);
  signal.throwIfAborted();

  // The worker tells its instances the API's address, so it starts last; it ends after the API all the same.
  let worker: RunningWorker | undefined;
  endings.add("worker", async () => worker?.close());
  const api = await startApi({ config, pool, queues, registry, logger: log.child({ part: "api" }) });
  endings.add("API", () => api.close());
  signal.throwIfAborted();
  worker = startWorker({
    config: { ...config, publicUrl: config.publicUrl ?? api.url },
    pool,
    queues,
    backends: places.backends,
    firstSettings: places.first,
    registry,
    logger: log.child({ part: "worker" }),
    onStep: faultAtStep(config.faultAtStep),
  });
  void tellOfPlaces(places.backends, pool, log);
  if (config.placesFile !== null) {
    const forget = reloadOnHangup(places, worker, log);
    endings.add("places file", async () => forget());
  }
  const { asked } = worker;
  await within(FIRST_LOOK_LIMIT_MS, [signal], () => asked).catch(() => signal.throwIfAborted());
  return api.url;
}
