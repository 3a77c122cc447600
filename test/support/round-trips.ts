import pg from "pg";

/** What was asked of PostgreSQL. */
export interface RoundTrips {
  /** How often an answer was waited for: what is sent before the next answer comes is one. */
  trips: number;
  /** How many statements, or texts of several, were sent. */
  sent: number;
  /** How often something was made durable. */
  commits: number;
}

/**
 * Counts what this process sends while `work` runs. Not what a recorded provider keeps in the database, nor the words that
 * are told after commits, since one statement tells those of many, nor renewed leases, which follow a clock.
 * @param texts is given the beginning of each statement.
 */
export async function countRoundTrips(
  work: () => Promise<unknown>,
  texts: string[] = [],
): Promise<RoundTrips> {
  const original = pg.Client.prototype.query;
  const inTransaction = new WeakSet<object>();
  const answered = new WeakMap<object, boolean>();
  const count: RoundTrips = { trips: 0, sent: 0, commits: 0 };
  const note = (client: object, text: string): void => {
    if (/provider_(things|calls)|pg_notify|pg_backend_pid|h\.operation_id from gates/.test(text)) return;
    texts.push(text.replaceAll(/\s+/g, " ").slice(0, 80));
    count.sent++;
    if (answered.get(client) ?? true) count.trips++;
    answered.set(client, false);
    if (text.startsWith("begin")) inTransaction.add(client);
    else if (text === "commit" || text === "rollback") inTransaction.delete(client);
    if (
      text === "commit" ||
      (!inTransaction.has(client) && /\b(insert into|update|delete from)\s+\w+/.test(text))
    )
      count.commits++;
  };
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]): unknown {
    const [first] = given as [string | { text?: string }];
    const text = typeof first === "string" ? first : (first.text ?? "");
    note(this, text);
    const heard = () => void answered.set(this, true);
    // A pool's own statements are asked for with a callback.
    const last = given.at(-1);
    if (typeof last === "function")
      given[given.length - 1] = (...result: unknown[]) => {
        heard();
        Reflect.apply(last, undefined, result);
      };
    const answer: unknown = Reflect.apply(original, this, given);
    if (answer instanceof Promise) answer.then(heard, heard);
    return answer;
  } as typeof original;
  try {
    await work();
  } finally {
    pg.Client.prototype.query = original;
  }
  return count;
}
