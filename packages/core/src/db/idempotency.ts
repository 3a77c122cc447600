import { merged, mergedAlong } from "./merged.js";
import type { Queryable, Tx } from "./pool.js";
import { sendAlong } from "./sent.js";

/** How long a key is remembered. */
const KEPT_FOR = "24 hours";

/** A key as its actor sent it, and what it was sent with. */
export interface KeyUse {
  actor: string;
  key: string;
  requestHash: Buffer;
}

/** An answer that was given under a key before. */
export interface KeptAnswer {
  actor: string;
  key: string;
  request_hash: Buffer;
  answer: Buffer;
}

/**
 * Takes keys for the caller's transaction, or reads what was answered under them. Waits for other transactions
 * that have taken one: if those commit their answers are returned, if they don't the keys are ours.
 * @returns the answers of those keys that aren't ours. No key may be given twice.
 */
export async function takeKeys(tx: Tx, uses: readonly KeyUse[]): Promise<KeptAnswer[]> {
  const taken = await merged(tx, takeAll, uses);
  const isOurs = (use: KeyUse) => taken.some(({ actor, key }) => actor === use.actor && key === use.key);
  const others = uses.filter((use) => !isOurs(use));
  if (others.length === 0) return [];
  const { rows } = await tx.query<KeptAnswer>(
    `select actor, key, request_hash, answer from idempotency_keys
     where (actor, key) in (select * from unnest($1::text[], $2::text[]))`,
    columns(others),
  );
  return rows;
}

async function takeAll(db: Queryable, uses: readonly KeyUse[]): Promise<Pick<KeyUse, "actor" | "key">[]> {
  const { rows } = await db.query<Pick<KeyUse, "actor" | "key">>(
    `insert into idempotency_keys as kept (actor, key, request_hash)
     select * from unnest($1::text[], $2::text[], $3::bytea[]) as use (actor, key) order by 1, 2
     on conflict (actor, key) do update
       set request_hash = excluded.request_hash, answer = null, created_at = excluded.created_at
       where kept.created_at < now() - interval '${KEPT_FOR}'
     returning actor, key`,
    [...columns(uses), uses.map((use) => use.requestHash)],
  );
  return rows;
}

/** Gives keys that this transaction took back. */
export async function giveKeysBack(tx: Tx, uses: readonly KeyUse[]): Promise<void> {
  await merged(tx, giveAllBack, uses);
}

function giveAllBack(db: Queryable, uses: readonly KeyUse[]): Promise<void> {
  return sendAlong(
    db,
    "delete from idempotency_keys where (actor, key) in (select * from unnest($1::text[], $2::text[]))",
    columns(uses),
  );
}

export async function keepAnswers(
  tx: Tx,
  answers: readonly { use: KeyUse; answer: Buffer }[],
): Promise<void> {
  await mergedAlong(tx, keepAll, answers);
}

function keepAll(db: Queryable, answers: readonly { use: KeyUse; answer: Buffer }[]): Promise<void> {
  return sendAlong(
    db,
    `update idempotency_keys kept set answer = given.answer
     from unnest($1::text[], $2::text[], $3::bytea[]) as given (actor, key, answer)
     where kept.actor = given.actor and kept.key = given.key`,
    [...columns(answers.map(({ use }) => use)), answers.map(({ answer }) => answer)],
  );
}

function columns(uses: readonly KeyUse[]): [actors: string[], keys: string[]] {
  return [uses.map((use) => use.actor), uses.map((use) => use.key)];
}

/** Forgets keys that are no longer remembered. @returns how many: `limit` if there may be more. */
export async function forgetKeys(db: Pick<Tx, "query">, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from idempotency_keys where (actor, key) in (
       select actor, key from idempotency_keys where created_at < now() - interval '${KEPT_FOR}'
       order by created_at limit $1)`,
    [limit],
  );
  return rowCount ?? 0;
}
