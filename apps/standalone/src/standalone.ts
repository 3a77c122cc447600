import { join } from "node:path";
import type { Config } from "@berth/core/config";
import type { BackendName } from "@berth/core/domain/spec";
import type { Logger } from "@berth/core/logger";
import { banner } from "./banner.js";
import { openDataDirectory } from "./data-directory.js";
import { dockerAnswers } from "./docker-daemon.js";
import { startEmbeddedPostgres } from "./embedded-postgres.js";
import type { Endings } from "./endings.js";
import { migrateOrExplain, pingRedis } from "./reachable.js";
import { reasonOf, StartError } from "./start-error.js";

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
export async function startStandalone(given: Config, surroundings: Surroundings): Promise<string> {
  const { endings, signal, fail } = surroundings;
  const directory = await openDataDirectory(given.dataDir, (error) =>
    fail(new StartError(`the lock of the data directory was lost (${reasonOf(error)})`, error)),
  );
  endings.add("data directory", directory.release);
  signal.throwIfAborted();

  if (given.redisUrl !== null) await pingRedis(given.redisUrl);
  signal.throwIfAborted();

  const databaseUrl = given.databaseUrl ?? (await startDatabase(given, surroundings));
  signal.throwIfAborted();
  await migrateOrExplain(databaseUrl);
  signal.throwIfAborted();

  const backends = given.backends ?? (await availableBackends(given));
  const config = Object.freeze({
    ...given,
    databaseUrl,
    adminKey: given.adminKey ?? directory.adminKey,
    secret: given.secret ?? directory.secret,
    backends,
    backend: given.backend ?? backends[0],
  });
  void config;
  return banner({
    url: `http://${config.host}:${config.port}`,
    adminKey: config.adminKey,
    backend: config.backend ?? "process",
    dataDir: directory.path,
    database:
      given.databaseUrl === null ? `PostgreSQL in ${join(directory.path, "postgres")}` : "your PostgreSQL",
    queues: given.redisUrl === null ? "PostgreSQL" : "Redis",
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
