import pg from "pg";

/** What was asked of PostgreSQL: how often something was sent, and how often something was made durable. */
export interface RoundTrips {
  sent: number;
  commits: number;
}

/**
 * Counts what this process sends while `work` runs. Not what a recorded provider keeps in the database, nor the words that
 * are told after commits, since one statement tells those of many.
 */
export async function countRoundTrips(work: () => Promise<unknown>): Promise<RoundTrips> {
  const original = pg.Client.prototype.query;
  const inTransaction = new WeakSet<object>();
  const count: RoundTrips = { sent: 0, commits: 0 };
  const note = (client: object, text: string): void => {
    if (/provider_(things|calls)|pg_notify/.test(text)) return;
    count.sent++;
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
    note(this, typeof first === "string" ? first : (first.text ?? ""));
    return Reflect.apply(original, this, given);
  } as typeof original;
  try {
    await work();
  } finally {
    pg.Client.prototype.query = original;
  }
  return count;
}
