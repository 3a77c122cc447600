import { randomUUID } from "node:crypto";
import pg from "pg";
import { clockWarning, type Report } from "../base/report.js";
import { databasePlace } from "../config/database-address.js";
import { withClient } from "./connect.js";
import { sqlState } from "./pool.js";

export interface PostgresNeeds {
  readonly databaseUrl: string;
  readonly databaseListenUrl: string | null;
  /** Null: BullMQ works in the same PostgreSQL. */
  readonly redisUrl: string | null;
  /** How many connections this process may open. */
  readonly connections: number;
}

const OLDEST_MAJOR = 14;
/** After so many answers a notification that didn't come with them counts as unheard. */
const HEARD_WITHIN_ANSWERS = 3;
/** A wrong password, user or database: no patience heals it. */
const REFUSED = /^(28|3D000|42501)/;

interface Told {
  version_num: number;
  version: string;
  standby: boolean;
  read_only: boolean;
  encoding: string;
  fsync: boolean;
  synchronous: boolean;
  now_ms: number;
  max_connections: number;
  connections_left: number;
  may_create: boolean | null;
  may_create_schema: boolean;
  foreign_owner: string | null;
}

/** Asks for all that will be needed, with the rights and from the place of this process. Leaves nothing behind. */
export async function checkPostgres(needs: PostgresNeeds): Promise<Report> {
  const place = `DATABASE_URL: ${databasePlace(needs.databaseUrl)}`;
  try {
    const told = await withClient(needs.databaseUrl, ask);
    const at = (lines: readonly string[]) => lines.map((line) => `${place} ${line}`);
    const found = `PostgreSQL ${told.version}, ${told.connections_left} of ${told.max_connections} connections left`;
    const report = { found, unreachable: null, warnings: at(warningsOf(told, needs)) };
    const lacks = lacksOf(told, needs);
    // What a standby or an old release lacks besides is of no interest.
    if (lacks.length > 0) return { ...report, lacks: at(lacks) };
    const deaf = await deafness(needs);
    return {
      ...report,
      lacks: at(deaf.lacks),
      warnings: [...report.warnings, ...at(deaf.warnings)],
    };
  } catch (error) {
    const line = `${place} can't be used (${reasonOf(error)})`;
    const empty = { found: null, unreachable: null, lacks: [], warnings: [] };
    return REFUSED.test(sqlState(error) ?? "")
      ? { ...empty, lacks: [line] }
      : { ...empty, unreachable: line };
  }
}

async function ask(client: pg.Client): Promise<Told> {
  const { rows } = await client.query<Told>(
    `select current_setting('server_version_num')::int as version_num,
       split_part(current_setting('server_version'), ' ', 1) as version,
       pg_is_in_recovery() as standby, current_setting('transaction_read_only')::bool as read_only,
       current_setting('server_encoding') as encoding, current_setting('fsync')::bool as fsync,
       current_setting('synchronous_commit') <> 'off' as synchronous,
       (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
       current_setting('max_connections')::int as max_connections,
       (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - (select coalesce(sum(numbackends), 0) from pg_stat_database))::int as connections_left,
       has_schema_privilege(current_schema(), 'create') as may_create,
       to_regnamespace('bullmq') is not null or has_database_privilege(current_database(), 'create') as may_create_schema,
       (select pg_get_userbyid(relowner) from pg_class
        where oid = to_regclass('berth_schema') and not pg_has_role(relowner, 'usage')) as foreign_owner`,
  );
  return rows[0]!;
}

function lacksOf(told: Told, { redisUrl }: PostgresNeeds): string[] {
  if (told.version_num < OLDEST_MAJOR * 10_000)
    return [`is PostgreSQL ${told.version}: Berth needs ${OLDEST_MAJOR} or later`];
  if (told.standby)
    return [
      "is a standby: name the primary, or all hosts as in postgres://a,b/db?target_session_attrs=read-write",
    ];
  if (told.read_only) return ["is read-only for this user: set default_transaction_read_only to off"];
  const lacks: string[] = [];
  if (told.foreign_owner !== null)
    lacks.push(
      `has Berth's tables, which belong to ${told.foreign_owner}: connect as that user, or GRANT ${told.foreign_owner} to this one`,
    );
  else if (told.may_create !== true)
    lacks.push(
      "doesn't let this user make tables: GRANT CREATE ON SCHEMA public TO it, or make it the database's owner",
    );
  if (redisUrl === null && !told.may_create_schema)
    lacks.push(
      "doesn't let this user make the queues' schema: GRANT CREATE ON DATABASE … TO it, or set REDIS_URL",
    );
  return lacks;
}

function warningsOf(told: Told, { connections }: PostgresNeeds): string[] {
  return [
    clockWarning(told.now_ms),
    told.fsync ? null : "has fsync off: a crash of its machine may lose all of it: set it to on",
    told.synchronous ? null : "has synchronous_commit off: what was accepted last may be lost: set it to on",
    told.encoding === "UTF8"
      ? null
      : `stores ${told.encoding}: names in other letters are refused: make a database in UTF8`,
    told.connections_left >= connections
      ? null
      : `has ${told.connections_left} connections left, and this process may open ${connections}: raise max_connections`,
  ].filter((line) => line !== null);
}

/** Whether this process will hear of changes, and, where BullMQ works in PostgreSQL, whether that can. */
async function deafness(needs: PostgresNeeds): Promise<Pick<Report, "lacks" | "warnings">> {
  const { databaseUrl, databaseListenUrl, redisUrl } = needs;
  const direct = databaseListenUrl ?? databaseUrl;
  const [heard, fit] = await Promise.all([
    hears(direct, databaseUrl),
    redisUrl !== null || keepsOptions(direct),
  ]);
  if (heard && fit) return { lacks: [], warnings: [] };
  const cure =
    databaseListenUrl === null
      ? "set DATABASE_LISTEN_URL to a direct address"
      : "let DATABASE_LISTEN_URL be a direct address of the same database";
  const pooler = "is behind a pooler in transaction mode";
  if (redisUrl === null)
    return {
      lacks: [`${pooler}, and the queues need a direct connection: ${cure}, or set REDIS_URL`],
      warnings: [],
    };
  return { lacks: [], warnings: [`${pooler}, so waits and streams are answered up to 250 ms late: ${cure}`] };
}

/**
 * Whether what is told at one address is heard at the other: over two connections, since one alone hears itself even then.
 * However slow the way is: PostgreSQL sends what it has been told before it answers the next statements.
 */
async function hears(listenAt: string, tellAt: string): Promise<boolean> {
  const channel = pg.escapeIdentifier(`berth_check_${randomUUID()}`);
  return withClient(listenAt, async (listener) => {
    let heard = false;
    listener.once("notification", () => (heard = true));
    await listener.query(`listen ${channel}`);
    await withClient(tellAt, (teller) => teller.query(`notify ${channel}`));
    for (let answer = 0; answer < HEARD_WITHIN_ANSWERS; answer++) await listener.query("select 1");
    return heard;
  }).catch(refusedByPooler);
}

/** BullMQ's store sets its schema by a startup option, which poolers refuse, or are told to drop. */
async function keepsOptions(url: string): Promise<boolean> {
  const asked = async (client: pg.Client): Promise<boolean> => {
    const { rows } = await client.query<{ search_path: string }>("show search_path");
    return rows[0]?.search_path === "berth_check";
  };
  return withClient(url, asked, { options: "-c search_path=berth_check" }).catch(refusedByPooler);
}

/** False for what was answered; who wasn't answered at all knows nothing of poolers. @throws the error otherwise */
function refusedByPooler(error: unknown): false {
  if (sqlState(error) === undefined) throw error;
  return false;
}

/** Node's errors for a refused connection carry their message only in their parts. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message.split("\n", 1)[0]! : String(error);
}
