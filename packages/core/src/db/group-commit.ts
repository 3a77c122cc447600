import { BerthError } from "../base/errors.js";
import { SharedTransaction, NeedsOwnTransaction, type Member } from "./merged.js";
import { isDatabaseUnavailable, transaction, type Pool, type Tx } from "./pool.js";

/** What came of one request in a transaction that it shared; null: it is to have one of its own. */
type Outcome<T> = { value: T } | { refused: BerthError } | null;

interface Turn {
  /** What it waits for, as {@link import("./pool.js").queuedTransaction} has it; null: nothing. */
  queue: string | null;
  /** What only one request of a transaction may have: the workspace whose gate it locks, an Idempotency-Key. Null: it shares none. */
  alone: readonly string[] | null;
}

interface Call {
  alone: readonly string[];
  work: (tx: Tx) => Promise<unknown>;
}

/** All may share: what each does is its own. */
const ALL_ALIKE = {};

/**
 * Like {@link import("./pool.js").queuedTransaction}, for requests of which many come at once: while two transactions are under way,
 * those that come wait together for the next one and share it, with its commit and each statement that they have in common
 * ({@link import("./merged.js").merged}). Whoever comes alone waits for nobody and has a transaction of its own.
 *
 * What one request is refused for concerns no other. Whatever else fails in a shared transaction takes all of it back, and each
 * request is then served by itself.
 *
 * `work` locks gates by `lockGates` and `lockGateShared` alone, which a shared transaction doesn't wait for: whose gate another
 * has is served by itself. Before it waits for any other lock that may be held for long, it calls {@link import("./merged.js").requireOwnTransaction}.
 * @throws BerthError `overloaded`, and what `work` throws.
 */
export function groupedTransaction<T>(
  pool: Pool,
  { queue, alone }: Turn,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const run = () => inGroup(pool, alone, work);
  return queue === null ? run() : pool.byKey.run(queue, run);
}

/**
 * {@link groupedTransaction} for calls that are one request together: those that wait for the same key, with `alike` deeply equal.
 * Null: alone. `work` is given all of them and returns a result for each, in order.
 * @throws BerthError `overloaded`, and for all of them what `work` throws.
 */
export function sharedTransaction<Like, T>(
  pool: Pool,
  {
    key,
    alike,
    alone,
  }: { key: string; alike: object | null; alone: (calls: readonly Like[]) => string[] | null },
  call: Like,
  work: (tx: Tx, calls: readonly Like[]) => Promise<readonly T[]>,
): Promise<T> {
  return pool.byKey.runTogether(key, alike, call, (calls) =>
    inGroup(pool, alone(calls), (tx) => work(tx, calls)),
  );
}

async function inGroup<T>(
  pool: Pool,
  alone: readonly string[] | null,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  if (alone === null) return transaction(pool, work);
  const outcome = await pool.groups.runTogether<Call, Outcome<unknown>>(
    "",
    ALL_ALIKE,
    { alone, work },
    (calls) => serve(pool, calls),
  );
  if (outcome === null) return transaction(pool, work);
  if ("refused" in outcome) throw outcome.refused;
  return outcome.value as T;
}

async function serve(pool: Pool, calls: readonly Call[]): Promise<readonly Outcome<unknown>[]> {
  if (calls.length === 1) return [{ value: await transaction(pool, calls[0]!.work) }];
  try {
    return await transaction(pool, (tx) => serveTogether(tx, calls));
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error;
    return calls.map(() => null);
  }
}

async function serveTogether(tx: Tx, calls: readonly Call[]): Promise<readonly Outcome<unknown>[]> {
  const group = new SharedTransaction(tx);
  const taken = new Set<string>();
  const settled = await Promise.allSettled(
    calls.map(async ({ alone, work }): Promise<Outcome<unknown>> => {
      // The second must see what the first has written.
      if (alone.some((key) => taken.has(key))) return null;
      for (const key of alone) taken.add(key);
      return serveMember(tx, { group, hasWritten: false, last: null }, work);
    }),
  );
  group.send();
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}

async function serveMember(
  tx: Tx,
  member: Member,
  work: (tx: Tx) => Promise<unknown>,
): Promise<Outcome<unknown>> {
  const query = (...statement: [string]): unknown => {
    if (!/^\s*select\b/i.test(statement[0])) member.hasWritten = true;
    if (member.group.waits(member)) member.group.send();
    return tx.query(...statement);
  };
  try {
    return {
      value: await work(Object.create(tx, { member: { value: member }, query: { value: query } }) as Tx),
    };
  } catch (error) {
    if (member.hasWritten) throw error;
    if (error instanceof BerthError) return { refused: error };
    if (error instanceof NeedsOwnTransaction) return null;
    throw error;
  }
}
