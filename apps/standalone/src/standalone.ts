import { join } from "node:path";
import type { Config } from "@berth/core/config/config";
import { connectionsFor } from "@berth/core/db/pool";
import type { BackendName } from "@berth/core/domain/backend";
import type { Logger } from "@berth/core/base/logger";
import { exportTraces } from "@berth/core/base/trace-export";
import { requireAll } from "@berth/core/doctor/requirements";
import type { Arguments } from "./arguments.js";
import { banner } from "./banner.js";
import { noteAddress, openDataDirectory } from "./data-directory.js";
import { dockerAnswers } from "./docker-daemon.js";
import { startEmbeddedPostgres } from "./embedded-postgres.js";
import type { Endings } from "./endings.js";
import { lookHome } from "./home.js";
import { processAsRoot } from "@berth/core/compute/process/beware";
import { migrateOrExplain } from "./reachable.js";
import { forSimulator, simulateEc2 } from "./simulated-ec2.js";
import { reasonOf, StartError } from "./start-error.js";

export interface Surroundings {
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

  // Enough for both: what serves requests and what each running operation needs.
  const needs = { ...given, connections: 12 + connectionsFor(given.concurrency) };
  const [away] = await requireAll(needs, (line) => surroundings.log.warn(line));
  if (away !== undefined) throw new StartError(away);
  signal.throwIfAborted();

  // Most of what there is to load, while PostgreSQL starts; and a start that is refused ends without it.
  const loading = import("./servers.js");
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
  const { startServers } = await loading;
  const servers = { ...wanted, aws: simulated?.place, connections: needs.connections };
  const url = await startServers(config, servers, surroundings);
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
