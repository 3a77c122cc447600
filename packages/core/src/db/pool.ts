import pg from "pg";
import { connectionTo } from "./connect.js";
import type { Member } from "./merged.js";
import { firstFailure, keepSent, WithCommit } from "./sent.js";
import { isStaleStatement, NamingClient, StatementNames } from "./prepared.js";
import { RequestPool } from "./request-pool.js";
import type { Word } from "./words.js";

/** A pool or one client of it: what a statement runs on. */
export type Queryable = pg.Pool | pg.PoolClient;
/**
 * One client inside a transaction, with what is to be told once that has committed, and what it has sent and nobody has
 * waited for yet, in order; and whose it is, where several requests share it.
 */
export type Tx = pg.PoolClient & { words?: Word[]; sent?: Promise<unknown>[]; member?: Member };
export type Pool = RequestPool;

const INT8_OID = 20;

/**
 * Of a worker's pool, by how many operations it runs at a time. Most of these wait for their provider, and transactions are
 * short: more connections would only share the same cores, and a stock PostgreSQL has 100 for all.
 */
export function connectionsFor(concurrency: number): number {
  return Math.min(10 + Math.ceil(concurrency / 2), MAX_CONNECTIONS);
}
/** Of a pool whose size isn't given. */
export const REQUEST_CONNECTIONS = 20;
/** With the one that tells, 20. */
const MAX_CONNECTIONS = 19;

/**
 * Opens a pool. Rows come with `bigint` columns as numbers: tickets, fences and event ids stay far below
 * 2^53. Nothing rests on session state but the names of statements, which a connection through a pooler goes without: it
 * may be in transaction mode.
 */
export function createPool(connectionString: string, options: { max?: number; name?: string } = {}): Pool {
  const name = options.name ?? "berth";
  const settings = {
    ...connectionTo(connectionString),
    // A statement is sent at once, also while those before have no answer yet: what is sent together is one round trip.
    pipeline: true,
    max: options.max ?? REQUEST_CONNECTIONS,
    application_name: name,
    // Also the longest wait for a free connection: a burst of requests for one workspace queues here.
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    // A statement that outlives this is a fault of ours or of the network; without a limit it would hold a
    // lease's renewal, or a request, for ever.
    query_timeout: 15_000,
    types: {
      getTypeParser: ((oid: number, format?: "text" | "binary") =>
        oid === INT8_OID
          ? Number
          : pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser,
    },
  };
  const words = new pg.Pool({ ...settings, max: 1, application_name: `${name}-words` });
  words.on("error", () => undefined);
  words.on("connect", (client) => client.on("error", () => undefined));
  const named = { ...settings, Client: NamingClient, names: new StatementNames() };
  const pool = new RequestPool(named, words);
  // A connection that breaks is replaced at its next use. Unhandled, its `error` would end the process: the pool
  // listens to idle ones only, and one that is between two statements of a transaction has nobody to reject to.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** For how long the first of those that wait for a connection has waited, in ms; 0 if nobody waits. */
export function longestWait(pool: Pool): number {
  const [first] = pool.waiting;
  return first === undefined ? 0 : performance.now() - first.since;
}

const READ_ONLY = "25006";
const RETRIED_SQLSTATES = new Set(["40001", "40P01"]);
/**
 * A process that is frozen inside a transaction would keep its locks, and with them its workspaces' gates,
 * for as long as its connection seems alive. Set for each transaction, since a pooler may stand between.
 */
const BEGIN =
  "begin; set local idle_in_transaction_session_timeout = '5s'; set local lock_timeout = '10s'; set local berth.told = 'after';";
const STATEMENTS_OF_BEGIN = 4;

/**
 * Runs `work` in a transaction, and runs it again (up to 5 times) if PostgreSQL gave it up for a deadlock, or for a
 * statement that a migration has changed.
 * `work` must therefore do nothing but SQL. Its first statement is sent with the begin; what it sent along, and what it
 * returns {@link WithCommit}, with the commit.
 */
export async function transaction<T>(pool: Pool, work: (tx: Tx) => Promise<T | WithCommit<T>>): Promise<T> {
  return openedTransaction(pool, "", work);
}

/**
 * {@link transaction} that begins with statements of ours, in the same round trip.
 * @param opening without parameters: what isn't ours is to be a literal (`pg.escapeLiteral`)
 * @param work is given the results of these as well
 */
export async function openedTransaction<T>(
  pool: Pool,
  opening: string,
  work: (tx: Tx, opened: Promise<readonly pg.QueryResult[]>) => Promise<T | WithCommit<T>>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const client: Tx = await pool.connect();
    const sent: Promise<unknown>[] = [];
    let broken: Error | undefined;
    try {
      const begun = client.query(BEGIN + opening) as unknown as Promise<pg.QueryResult[]>;
      keepSent(sent, begun);
      client.sent = sent;
      client.words = [];
      const opened = begun.then((results) => results.slice(STATEMENTS_OF_BEGIN));
      keepSent(sent, opened);
      const result = await work(client, opened);
      if (result instanceof WithCommit) keepSent(sent, result.answer);
      const commit = client.query("commit");
      keepSent(sent, commit);
      const failure = await firstFailure(sent);
      if (failure !== undefined) throw failure;
      // So PostgreSQL answers the commit of one of which a statement has failed.
      if ((await commit).command !== "COMMIT") throw new Error("a statement of the transaction had failed");
      pool.tell(client.words);
      return result instanceof WithCommit ? await result.answer : result;
    } catch (thrown) {
      // What was thrown follows from it: nothing after a failed statement is carried out.
      const error = (await firstFailure(sent)) ?? thrown;
      await client.query("rollback").catch((failure: unknown) => {
        broken = failure as Error;
      });
      // The next connection may come to the primary.
      if (sqlState(error) === READ_ONLY) broken = error as Error;
      if (attempt < 5 && (RETRIED_SQLSTATES.has(sqlState(error) ?? "") || isStaleStatement(error))) continue;
      throw error;
    } finally {
      delete client.words;
      delete client.sent;
      client.release(broken);
    }
  }
}

/**
 * Like {@link transaction}, for requests. `key` names what it waits for, such as the workspace whose gate it
 * locks first; null: nothing. Of those of one key only two have a connection at a time, so that a storm on
 * one workspace leaves connections to all others.
 * @throws BerthError `overloaded` if it waits too long for one.
 */
export async function queuedTransaction<T>(
  pool: Pool,
  key: string | null,
  work: (tx: Tx) => Promise<T | WithCommit<T>>,
): Promise<T> {
  return key === null ? transaction(pool, work) : pool.byKey.run(key, () => transaction(pool, work));
}

/** Runs statements that stand alone on one connection: those that `work` sends together cost one round trip. */
export async function together<T>(pool: Pool, work: (db: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    return await work(client);
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    client.release(broken);
  }
}

/** The SQLSTATE of a PostgreSQL error, else undefined. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

const UNREACHABLE = "ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOENT ENOTFOUND EAI_AGAIN ENOPRIMARY".split(
  " ",
);

/**
 * True if the database couldn't be asked at all (down, restarting, connection cut, too many clients), as
 * opposed to having refused a statement. Whoever meets it waits and tries again; no attempt is spent.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  // 25P03: this process was idle in a transaction for too long. 55P03: another holds a lock for too long. 25006: what
  // answers is, or has become, a standby.
  if (state !== undefined) return /^(08|57P|53|25P03|55P03|25006)/.test(state);
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return (
    UNREACHABLE.includes(code) ||
    /Connection terminated|timeout exceeded when trying to connect|Query read timeout|not queryable/.test(
      error.message,
    )
  );
}
