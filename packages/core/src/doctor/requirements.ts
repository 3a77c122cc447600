import type { Report } from "../base/report.js";
import { ConfigError } from "../config/config.js";
import { checkPostgres, type PostgresNeeds } from "../db/check-postgres.js";
import { checkRedis } from "../queues/check-redis.js";

/** What a process is set to use, and how much of it. */
export interface Needs extends Omit<PostgresNeeds, "databaseUrl"> {
  /** Null: one of Berth's own, of which nothing is to be asked. */
  readonly databaseUrl: string | null;
  readonly redisCa: string | null;
  readonly queuePrefix: string;
}

/** What every process of Berth rests on. Places are a worker's own: `places/examine.ts`. */
const REQUIREMENTS: readonly {
  name: string;
  /** Without it a process starts, and waits for it. */
  mayBeAway: boolean;
  /** Null where a process uses none, or its own. */
  check: (needs: Needs) => Promise<Report> | null;
}[] = [
  {
    name: "PostgreSQL",
    mayBeAway: false,
    check: ({ databaseUrl, ...rest }) =>
      databaseUrl === null ? null : checkPostgres({ databaseUrl, ...rest }),
  },
  { name: "Redis", mayBeAway: true, check: (needs) => (needs.redisUrl === null ? null : checkRedis(needs)) },
];

/** What all of it is like, by name. */
export async function examineRequirements(needs: Needs): Promise<ReadonlyMap<string, Report>> {
  const reports = await Promise.all(
    REQUIREMENTS.map(async ({ name, check }) => {
      const report = await check(needs);
      return report === null ? [] : [[name, report] as const];
    }),
  );
  return new Map(reports.flat());
}

/**
 * Refuses to start on what Berth couldn't work with: BullMQ's worker, for one, then spins without yielding, deaf to signals.
 * @returns why what may be away can't be reached, a line each
 * @throws ConfigError with a line for each lack
 */
export async function requireAll(
  needs: Needs,
  onWarning: (line: string) => void,
): Promise<readonly string[]> {
  const reports = await examineRequirements(needs);
  const lacks: string[] = [];
  const away: string[] = [];
  for (const { name, mayBeAway } of REQUIREMENTS) {
    const report = reports.get(name);
    if (report === undefined) continue;
    lacks.push(...report.lacks);
    if (report.unreachable !== null) (mayBeAway ? away : lacks).push(report.unreachable);
    report.warnings.forEach(onWarning);
  }
  if (lacks.length > 0) throw new ConfigError(lacks);
  return away;
}
