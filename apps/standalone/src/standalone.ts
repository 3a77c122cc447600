import { join } from "node:path";
import { startApi } from "@berth/api/start";
import type { ApiConfig, Config, WorkerConfig } from "@berth/core/config/config";
import { forgetInstallation, noteDatabase, openInstallation } from "@berth/core/db/installation";
import { within } from "@berth/core/base/deadline";
import { connectionsFor, createPool } from "@berth/core/db/pool";
import type { BackendName } from "@berth/core/domain/backend";
import type { Logger } from "@berth/core/base/logger";
import { exportTraces } from "@berth/core/base/trace-export";
import { requireAll } from "@berth/core/doctor/requirements";
import { openQueues } from "@berth/core/queues/producer";
import { openBackends } from "@berth/worker/backends";
import { faultAtStep } from "@berth/worker/fault";
import { reloadOnHangup } from "@berth/worker/places";
import { type RunningWorker, startWorker } from "@berth/worker/start";
import { tellOfPlaces } from "@berth/worker/tell-of-places";
import { Registry } from "prom-client";
import type { Arguments } from "./arguments.js";
import { banner } from "./banner.js";
import { noteAddress, openDataDirectory } from "./data-directory.js";
import { dockerAnswers } from "./docker-daemon.js";
import { startEmbeddedPostgres } from "./embedded-postgres.js";
import type { Endings } from "./endings.js";
import { lookHome } from "./home.js";
import { processAsRoot } from "@berth/core/compute/process/beware";
import { migrateOrExplain } from "./reachable.js";
import { forSimulator, type SimulatedEc2, simulateEc2 } from "./simulated-ec2.js";
import { reasonOf, StartError } from "./start-error.js";

/** Who is told that Berth is ready finds its places reached: one that doesn't answer is waited for no longer than this, in ms. */
const FIRST_LOOK_LIMIT_MS = 10_000;

interface Surroundings {
  log: Logger;
  /** Gets each part as it is started, so that a start that fails half-way is undone as well. */
  endings: Endings;
  /** Ends the start at its next step. */
  signal: AbortSignal;
  /** Called when a part that everything needs is lost later. */
  fail: (error: Error) => void;
}

/**
 * Starts everything in one process: what is kept first, those who ask last.
 * @returns what to tell the user.
 * @throws StartError with one line that says what to change.
 */
export async function startStandalone(
  given: Config,
  wanted: Arguments,
  surroundings: Surroundings,
): Promise<string> {
  const { endings, signal, fail } = surroundings;
  endings.add("traces", await exportTraces(given, "berth"));
  const directory = await openDataDirectory(given.dataDir, (error) =>
    fail(new StartError(`the lock of the data directory was lost (${reasonOf(error)})`, error)),
  );
  endings.add("data directory", directory.release);
  const doubt = await lookHome(directory.path, { asNew: wanted.newInstallation });
  if (doubt !== null) surroundings.log.error(doubt);
  signal.throwIfAborted();

  const needs = { ...given, connections: connectionsOf(given) };
  const [away] = await requireAll(needs, (line) => surroundings.log.warn(line));
  if (away !== undefined) throw new StartError(away);
  signal.throwIfAborted();

  const databaseUrl = given.databaseUrl ?? (await startDatabase(given, surroundings));
  signal.throwIfAborted();
  await migrateOrExplain(databaseUrl);
  signal.throwIfAborted();

  const others = given.backends ?? (await availableBackends(given));
  const backends = wanted.backend === null ? others : [...new Set([wanted.backend, ...others])];
  const simulated = wanted.simulateEc2 ? await simulateEc2() : null;
  if (simulated !== null) endings.add("EC2 simulator", simulated.close);
  signal.throwIfAborted();
  const config = Object.freeze({
    ...(simulated === null ? given : forSimulator(given)),
    databaseUrl,
    adminKey: given.adminKey ?? directory.adminKey,
    secret: given.secret ?? directory.secret,
    backends,
    backend: wanted.backend ?? given.backend ?? backends[0] ?? "process",
  });
  const url = await startServers(config, { ...wanted, aws: simulated?.place }, surroundings);
  await noteAddress(directory.path, url);
  return banner({
    url,
    adminKey: config.adminKey,
    backend: config.backend,
    dataDir: directory.path,
    database:
      given.databaseUrl === null ? `PostgreSQL in ${join(directory.path, "postgres")}` : "your PostgreSQL",
    queues: given.redisUrl === null ? "PostgreSQL" : "Redis",
    simulator: simulated?.url ?? null,
    beware: processAsRoot(config.backends, config.processUser !== null),
  });
}

/** Starts API and worker, to be ended in this order. @returns the API's URL. */
async function startServers(
  config: ApiConfig & WorkerConfig,
  { aws, newInstallation }: Pick<Arguments, "newInstallation"> & { aws: SimulatedEc2["place"] | undefined },
  { log, endings, signal }: Surroundings,
): Promise<string> {
  const pool = createPool(config.databaseUrl, { name: "berth", max: connectionsOf(config) });
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

/** Enough for both: what serves requests and what each running operation needs. */
function connectionsOf({ concurrency }: Config): number {
  return 12 + connectionsFor(concurrency);
}

async function startDatabase(config: Config, { log, endings, fail }: Surroundings): Promise<string> {
  const logger = log.child({ part: "postgres" });
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, logger }).catch(
    (error: unknown) => {
      throw new StartError(reasonOf(error), error);
    },
  );
  let expected = false;
  endings.add(
    "PostgreSQL",
    () => {
      expected = true;
      return postgres.stop();
    },
    postgres.kill,
  );
  void postgres.ended.then((lines) => {
    if (!expected) fail(new StartError(`the embedded PostgreSQL ended: ${lines}`));
  });
  return postgres.url;
}

async function availableBackends(config: Config): Promise<readonly BackendName[]> {
  return (await dockerAnswers(config.dockerHost)) ? ["docker", "process"] : ["process"];
}
