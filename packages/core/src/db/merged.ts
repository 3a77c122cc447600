import type { Queryable, Tx } from "./pool.js";
import { keepSent } from "./sent.js";

/** A statement for many of what it is asked for. The same function is the same statement. */
type ForAll<I, R> = (db: Queryable, items: readonly I[]) => Promise<R>;

/**
 * Asks for `items` with a statement that serves many at once. In a transaction that several requests share
 * ({@link import("./group-commit.js").groupedTransaction}) those of all of them that come at the same time are one statement, sent in the order of the first of each.
 * @param changes it may write something that its request can't take back by itself
 * @returns what was answered to all of them: the caller picks its own
 */
export function merged<I, R>(
  db: Queryable,
  forAll: ForAll<I, R>,
  items: readonly I[],
  { changes = false } = {},
): Promise<R> {
  const { member } = db as Tx;
  if (member === undefined) return forAll(db, items);
  if (changes) member.hasWritten = true;
  return member.group.add(member, forAll, items);
}

/** {@link merged}, for a change of which nobody needs the answer: see {@link import("./sent.js").sendAlong}. */
export async function mergedAlong<I>(
  db: Queryable,
  forAll: ForAll<I, void>,
  items: readonly I[],
): Promise<void> {
  const answer = merged(db, forAll, items, { changes: true });
  if ((db as Tx).member === undefined) await answer;
}

/** One request in a transaction that it shares. */
export interface Member {
  group: SharedTransaction;
  /** It has changed something, and can't be refused without all being taken back. */
  hasWritten: boolean;
  /** What it has asked for last, together with others. */
  last: Gathered | null;
}

/** True in a transaction that other requests share: what one is refused for is to leave nothing of it. */
export function isShared(tx: Tx): boolean {
  return tx.member !== undefined;
}

/** What comes next would hold up the others of a shared transaction: the request, which has changed nothing, gets one of its own. */
export function requireOwnTransaction(tx: Tx): void {
  if (isShared(tx)) throw new NeedsOwnTransaction();
}

export class NeedsOwnTransaction extends Error {
  override readonly name = "NeedsOwnTransaction";
}

interface Gathered {
  forAll: unknown;
  items: unknown[];
  answer: Promise<unknown>;
  send: () => void;
}

/**
 * Gathers what the members of a transaction ask for until none of them goes on without an answer. What one member asks for is
 * carried out in the order in which it asked.
 */
export class SharedTransaction {
  /** How many workspaces its members have put where, which none of them sees in the rows that it reads. */
  readonly placed = new Map<string, number>();
  readonly #tx: Tx;
  #gathered: Gathered[] = [];

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  add<I, R>(member: Member, forAll: ForAll<I, R>, items: readonly I[]): Promise<R> {
    const after = member.last === null ? 0 : Math.max(0, this.#gathered.indexOf(member.last));
    const other = this.#gathered.slice(after).find((one) => one.forAll === forAll);
    other?.items.push(...items);
    member.last = other ?? this.#gather(forAll, items);
    return member.last.answer as Promise<R>;
  }

  /** Sends what has been gathered. */
  send(): void {
    const gathered = this.#gathered;
    this.#gathered = [];
    for (const { send } of gathered) send();
  }

  /** True if something that it has asked for isn't sent yet. */
  waits({ last }: Member): boolean {
    return last !== null && this.#gathered.includes(last);
  }

  #gather<I, R>(forAll: ForAll<I, R>, asked: readonly I[]): Gathered {
    const items = [...asked];
    let send!: () => void;
    const answer = new Promise<R>((resolve, reject) => {
      send = () => void forAll(this.#tx, items).then(resolve, reject);
    });
    // Whoever sent it along without waiting for it hears of its failure where the transaction ends.
    keepSent(this.#tx.sent!, answer);
    if (this.#gathered.length === 0) setImmediate(() => this.send());
    const gathered = { forAll, items, answer, send };
    this.#gathered.push(gathered);
    return gathered;
  }
}
