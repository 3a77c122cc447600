import pg from "pg";
import { createKeyedQueue } from "../base/keyed-queue.js";
import { createTeller, type Word } from "./words.js";

/** One that commits while the next one waits for the same lock: more would only hold connections. */
const AT_ONCE = 2;
const MAX_QUEUE_WAIT_MS = 10_000;
/** Of requests in one transaction. */
const MAX_GROUP = 64;

/** A pool that knows who waits: for a connection, and for others that want the same workspace. */
export class RequestPool extends pg.Pool {
  /** Since when each call waits for a connection, in order of arrival. */
  readonly waiting = new Set<{ since: number }>();
  /** Requests by what they wait for. */
  readonly byKey = createKeyedQueue({ atOnce: AT_ONCE, waitMs: MAX_QUEUE_WAIT_MS });
  /** Requests that may share a transaction. */
  readonly groups = createKeyedQueue({ atOnce: AT_ONCE, waitMs: MAX_QUEUE_WAIT_MS, most: MAX_GROUP });
  /** Called with what this process tells, for those of it whom no word from outside reaches. */
  readonly onWords = new Set<(words: readonly Word[]) => void>();
  readonly #words: pg.Pool;
  readonly #tell: (words: readonly Word[]) => Promise<void>;
  #telling = new Set<Promise<void>>();

  constructor(settings: pg.PoolConfig, words: pg.Pool) {
    super(settings);
    this.#words = words;
    this.#tell = createTeller(words);
  }

  /** Tells what has been committed; nobody waits for it, and a word may be lost. */
  tell(words: readonly Word[]): void {
    if (words.length === 0) return;
    for (const on of this.onWords) on(words);
    const telling = this.#tell(words).finally(() => this.#telling.delete(telling));
    this.#telling.add(telling);
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    const ended = this.#end();
    if (callback === undefined) return ended;
    void ended.finally(callback);
  }

  async #end(): Promise<void> {
    await super.end();
    await Promise.all(this.#telling);
    if (!this.#words.ending) await this.#words.end();
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | void {
    const one = { since: performance.now() };
    this.waiting.add(one);
    if (callback === undefined) return super.connect().finally(() => this.waiting.delete(one));
    super.connect((...result) => {
      this.waiting.delete(one);
      callback(...result);
    });
  }
}
type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: unknown) => void,
) => void;
