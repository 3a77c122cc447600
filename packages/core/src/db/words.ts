import type pg from "pg";
import { batched } from "../base/batch.js";
import type { Pool, Queryable, Tx } from "./pool.js";

/** Tells the id of an operation that has ended. */
export const FINISHED_CHANNEL = "berth_operation";
/** Tells the id of a workspace whose status may have changed. */
export const STATUS_CHANNEL = "berth_status";
/** Tells that events have been written. */
export const EVENTS_CHANNEL = "berth_event";

/** What is told to those who listen. */
export interface Word {
  channel: string;
  payload: string;
}

/** In one statement. */
const AT_ONCE = 2_000;
/** More than a connection that hangs could ever tell in time: they are seen by looking. */
const MAX_WAITING = 20_000;

/** Has this told once the transaction has committed; at once where `db` is a pool, whose statement has. */
export function tellAfterCommit(db: Queryable, channel: string, payloads: readonly string[]): void {
  const words = payloads.map((payload) => ({ channel, payload }));
  if ("tell" in db) (db as Pool).tell(words);
  else (db as Tx).words?.push(...words);
}

export function tellFinished(tx: Tx, ids: readonly string[]): void {
  tellAfterCommit(tx, FINISHED_CHANNEL, ids);
}

export function tellStatus(db: Queryable, rows: readonly { id: string }[]): void {
  const ids = rows.map((row) => row.id);
  tellAfterCommit(db, STATUS_CHANNEL, ids);
}

/**
 * Tells words over `connection`, those that come while some are being told together with the next. A word may be lost with its
 * process or connection: whoever listens looks at the rows by itself as well (ADR 13).
 */
export function createTeller(connection: Pick<pg.Pool, "query">): (words: readonly Word[]) => Promise<void> {
  let waiting = 0;
  const tell = batched<Word, void>(
    AT_ONCE,
    () => true,
    async (words) => {
      const unique = [...new Map(words.map((word) => [`${word.channel} ${word.payload}`, word])).values()];
      await connection.query(
        "select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as w (channel, payload)",
        [unique.map((word) => word.channel), unique.map((word) => word.payload)],
      );
      return words.map(() => undefined);
    },
  );
  return async (words) => {
    if (words.length === 0 || waiting > MAX_WAITING) return;
    waiting += words.length;
    await Promise.allSettled(words.map(tell));
    waiting -= words.length;
  };
}
