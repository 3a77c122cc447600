import type { Queryable, Tx } from "./pool.js";

/**
 * Sends a statement of which nobody needs the answer. A transaction doesn't wait for it before it sends the next: should
 * it fail, all after it do, and the transaction is given up with its error. Outside of one it is waited for.
 */
export async function sendAlong(db: Queryable, text: string, values: readonly unknown[] = []): Promise<void> {
  const { sent } = db as Partial<Tx>;
  const answer = db.query(text, [...values]);
  if (sent === undefined) await answer;
  else keepSent(sent, answer);
}

/** The transaction isn't over before this is. */
export function answerAlong(tx: Tx, answer: Promise<unknown>): void {
  keepSent(tx.sent!, answer);
}

/** Its failure is met where the transaction ends. */
export function keepSent(sent: Promise<unknown>[], answer: Promise<unknown>): void {
  answer.catch(() => undefined);
  sent.push(answer);
}

/** What a transaction returns with its commit: an answer that is still on its way when the commit is sent. */
export class WithCommit<T> {
  readonly answer: Promise<T>;

  constructor(answer: Promise<T>) {
    this.answer = answer;
  }
}

/** The error of the first of these that failed, once all of them are answered; undefined if none did. */
export async function firstFailure(sent: readonly Promise<unknown>[]): Promise<unknown> {
  const failed = (await Promise.allSettled(sent)).find((one) => one.status === "rejected");
  return failed?.reason;
}
