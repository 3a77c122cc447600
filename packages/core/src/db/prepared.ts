import type { Writable } from "node:stream";
import { callbackify } from "node:util";
import pg from "pg";

/** Statements of a process that have a name, at most: those put together from a caller's filters aren't all worth one. */
const MAX_NAMED = 500;
/** Texts that were seen once and are remembered for it. */
const MAX_SEEN = 2_000;
const NO_SUCH_STATEMENT = "26000";
const NAME_TAKEN = "42P05";

type Callback = (error: Error | null, result: pg.QueryResult) => void;

/**
 * Names for the statements of a pool, with which PostgreSQL parses and plans each once a connection: for short statements
 * that is more work than to carry them out.
 */
export class StatementNames {
  readonly #names = new Map<string, string>();
  readonly #seen = new Set<string>();
  #generation = 0;

  /** @returns the statement's name; undefined the first time that this process sends it, and for more than there may be */
  of(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= MAX_NAMED) return known;
    if (!this.#seen.delete(text)) {
      if (this.#seen.size < MAX_SEEN) this.#seen.add(text);
      return undefined;
    }
    const name = `berth_${this.#generation}_${this.#names.size}`;
    this.#names.set(text, name);
    return name;
  }

  /** Each statement gets another name, on every connection. */
  renew(): void {
    this.#generation++;
    for (const text of this.#names.keys()) this.#seen.add(text);
    this.#names.clear();
  }
}

/**
 * A connection that names what it sends, once it is known that the backend which it began with is the one that answers:
 * behind a pooler they have different process ids, and the next transaction may be another backend's, without the statement.
 */
export class NamingClient extends pg.Client {
  /** Set while a transaction has this connection. */
  declare sent?: Promise<unknown>[];
  readonly #names: StatementNames;
  #isDirect = false;
  #isCorked = false;

  /** @param config `names` are those of all connections of a pool */
  constructor(config: pg.ClientConfig & { names?: StatementNames } = {}) {
    super(config);
    this.#names = config.names ?? new StatementNames();
    this.once("connect", () => void this.#look());
  }

  // Its many forms are pg's own.
  override query(text: unknown, values?: unknown, callback?: unknown): never {
    const isNamed = this.#isDirect && typeof text === "string" && Array.isArray(values);
    const name = isNamed ? this.#names.of(text) : undefined;
    if (name === undefined) return this.#send(text, values, callback) as never;
    const answer = this.#sendNamed(text as string, values as unknown[], name);
    if (callback === undefined) return answer as never;
    return callbackify(() => answer)(callback as Callback) as never;
  }

  #send(...query: unknown[]): Promise<pg.QueryResult> {
    this.#writeTogether();
    return super.query(...(query as [string])) as Promise<pg.QueryResult>;
  }

  async #sendNamed(text: string, values: readonly unknown[], name: string): Promise<pg.QueryResult> {
    const isAlone = this.sent === undefined;
    try {
      return await this.#send({ text, values, name });
    } catch (error) {
      if (!isStaleStatement(error)) throw error;
      this.#names.renew();
      if (!isOutdated(error)) this.#isDirect = false;
      // It wasn't carried out. Of a transaction nothing is any more, and all of it is to be run again.
      if (isAlone) return this.#send(text, values);
      throw error;
    }
  }

  /** What is sent before the process goes on to something else is one write: each is a system call, and a third of a busy worker's CPU. */
  #writeTogether(): void {
    if (this.#isCorked) return;
    const { stream } = (this as unknown as { connection: { stream: Writable } }).connection;
    this.#isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }

  async #look(): Promise<void> {
    const { processID } = this as unknown as { processID: number | null };
    const answer = await this.#send("select pg_backend_pid() as pid").catch(() => null);
    this.#isDirect = answer !== null && answer.rows[0].pid === processID;
  }
}

/**
 * A named statement wasn't carried out because of its name: what it returns has another shape since a migration, or the
 * server has no such statement, as when an administrator sent DEALLOCATE ALL. Its transaction can be run again.
 */
export function isStaleStatement(error: unknown): boolean {
  return (
    error instanceof pg.DatabaseError &&
    (isOutdated(error) || error.code === NO_SUCH_STATEMENT || error.code === NAME_TAKEN)
  );
}

/** "cached plan must not change result type", which shares its SQLSTATE (0A000) with much else. */
function isOutdated(error: unknown): boolean {
  return (error as pg.DatabaseError).routine === "RevalidateCachedQuery";
}
