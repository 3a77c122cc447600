import { createLogger } from "@berth/core/base/logger";
import { examineSignOn } from "@berth/api/auth/examine-sign-on";
import type { Report } from "@berth/core/base/report";
import {
  type Config,
  ConfigError,
  type Environment,
  readConfig,
  type WorkerConfig,
} from "@berth/core/config/config";
import { readPeopleFile } from "@berth/core/config/people-file";
import { readPolicyFile } from "@berth/core/config/policy-file";
import { createPool, type Pool } from "@berth/core/db/pool";
import { examineRequirements } from "@berth/core/doctor/requirements";
import { examinePlace } from "@berth/core/places/examine";
import { openBackends } from "@berth/worker/backends";
import { dockerAnswers } from "./docker-daemon.js";
import { reasonOf } from "./start-error.js";

/** As many as an API and a worker of these settings open. */
const CONNECTIONS = 46;
/** How long a place may take for all that it is asked, in ms. */
const PLACE_LIMIT_MS = 30_000;
/** Of an installation whose database can't be asked: nothing of its own is found anywhere. */
const UNKNOWN = { id: "00000000-0000-0000-0000-000000000000", created_at: new Date(0) };

/** Asks all that the settings lead to, changes nothing, and prints a line for each thing. @returns the exit code */
export async function doctor(out: (line: string) => void, env?: Environment): Promise<number> {
  let config: Config;
  try {
    config = readConfig("standalone", env);
    readPolicyFile(config.policyFile);
    if (config.oidcFile !== null) readPeopleFile(config.oidcFile);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) out(`WRONG  ${problem}`);
    return 1;
  }
  if (config.databaseUrl === null) out("ok     PostgreSQL: Berth's own, since DATABASE_URL isn't set");
  const requirements = await examineRequirements({ ...config, connections: CONNECTIONS });
  let wrong = false;
  if (config.oidcIssuer !== null)
    wrong = tell(out, "provider of logins", await examineSignOn(config.oidcIssuer));
  for (const [name, report] of requirements) wrong = tell(out, name, report) || wrong;
  const database = requirements.get("PostgreSQL");
  const usable = database !== undefined && database.unreachable === null && database.lacks.length === 0;
  const pool = config.databaseUrl === null || !usable ? null : createPool(config.databaseUrl, { max: 2 });
  try {
    for (const [name, report] of await examinePlaces(config, pool))
      wrong = tell(out, `place ${name}`, report) || wrong;
  } catch (error) {
    out(`WRONG  ${reasonOf(error)}`);
    wrong = true;
  } finally {
    await pool?.end();
  }
  return wrong ? 1 : 0;
}

async function examinePlaces(config: Config, pool: Pool | null): Promise<[string, Report][]> {
  const backends = config.backends ?? (await usualBackends(config));
  // What the standalone makes by itself has no part in what is asked.
  const wanted = { ...config, backends } as WorkerConfig;
  const migrated =
    pool !== null &&
    (await pool.query<{ there: boolean }>("select to_regclass('installation') is not null as there")).rows[0]!
      .there;
  const asked = migrated ? pool : null;
  const known =
    asked === null ? [] : (await asked.query<typeof UNKNOWN>("select id, created_at from installation")).rows;
  const logger = createLogger({ logLevel: "silent" }, "doctor");
  // A backend keeps what it learns in the database only while it works.
  const places = await openBackends(wanted, asked ?? (null as never), known[0] ?? UNKNOWN, logger);
  try {
    const asking = [...places.backends].filter(([, { name }]) => name !== "external");
    return await Promise.all(
      asking.map(async ([name, backend]): Promise<[string, Report]> => {
        const signal = AbortSignal.timeout(PLACE_LIMIT_MS);
        return [name, await examinePlace(asked, name, backend, { signal, priority: "reconcile" })];
      }),
    );
  } finally {
    await places.close();
  }
}

async function usualBackends({ dockerHost }: Config): Promise<WorkerConfig["backends"]> {
  return (await dockerAnswers(dockerHost)) ? ["docker", "process"] : ["process"];
}

/** @returns whether anything is wrong */
function tell(out: (line: string) => void, name: string, report: Report): boolean {
  const wrong = [...(report.unreachable === null ? [] : [report.unreachable]), ...report.lacks];
  for (const line of wrong) out(`WRONG  ${line}`);
  for (const line of report.warnings) out(`warn   ${line}`);
  if (wrong.length === 0) out(`ok     ${name}: ${report.found ?? "answers"}`);
  return wrong.length > 0;
}
