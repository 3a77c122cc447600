import { hkdfSync } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import { giveKeysBack, keepAnswers, takeKeys, type KeptAnswer, type KeyUse } from "../db/idempotency.js";
import { groupedTransaction } from "../db/group-commit.js";
import { isShared } from "../db/merged.js";
import { queuedTransaction, type Pool, type Tx } from "../db/pool.js";
import { getWorkspace } from "../db/workspaces.js";
import { BerthError } from "../base/errors.js";
import { seal, unseal } from "../base/sealed-box.js";

/** A caller's wish that a request is carried out once, however often it is sent: its Idempotency-Key. */
export interface Idempotency extends KeyUse {
  /** What the caller showed to be let in. The answer is sealed under it, since it may hold a secret. */
  credential: string;
  /** Set when the answer is one that was given before. */
  replayed: boolean;
}

/** Who asks: the name of a key, and perhaps an Idempotency-Key. */
export interface Asker {
  requestedBy: string;
  idempotency?: Idempotency;
  /** Try it out: all is done and then taken back, by throwing {@link TakenBack}. */
  dryRun?: true;
}

/** What was tried out would have been accepted. */
export class TakenBack extends Error {
  override readonly name = "TakenBack";
}

/**
 * Runs the transaction that accepts a request; those of one `workspaceId` queue for it (see {@link queuedTransaction}).
 * With a key, the answer is kept by that same transaction; asked again within 24 h with the same key, nothing is done
 * and that answer is given. Of two at once the second waits for the first. A refusal is not kept: it changed nothing,
 * and the next try may be accepted.
 * @throws BerthError `idempotency_key_reused` if the key came with another request before. {@link TakenBack}.
 */
export function acceptIdempotently<T>(
  pool: Pool,
  workspaceId: string | null,
  { idempotency, dryRun }: Pick<Asker, "idempotency" | "dryRun">,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  return queuedTransaction(pool, workspaceId, async (tx) => {
    const answer = await answerOnce(tx, idempotency, work);
    if (answer instanceof BerthError) throw answer;
    if (dryRun === true) throw new TakenBack();
    return answer;
  });
}

/**
 * {@link acceptIdempotently} for what many ask for at once: they share transactions ({@link groupedTransaction}), whose terms hold
 * for `work`; also those of one queue, of which none may change what another reads. If it refuses, it has written nothing before.
 */
export async function acceptTogether<T>(
  pool: Pool,
  queue: string | null,
  asker: Pick<Asker, "idempotency" | "dryRun">,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  if (asker.dryRun === true) return acceptIdempotently(pool, queue, asker, work);
  const { idempotency } = asker;
  const answer = await groupedTransaction(pool, { queue, alone: keysOf([idempotency]) }, (tx) =>
    answerOnce(tx, idempotency, work),
  );
  if (answer instanceof BerthError) throw answer;
  return answer;
}

async function answerOnce<T>(
  tx: Tx,
  idempotency: Idempotency | undefined,
  work: (tx: Tx) => Promise<T>,
): Promise<T | BerthError> {
  const [answer] = await answerIdempotently(tx, [idempotency], () => work(tx));
  return answer!;
}

/**
 * {@link acceptIdempotently} for requests that are alike, inside a transaction: `work` serves those of them that weren't
 * answered before and is told how many they are. If it refuses, before it has written anything, those are
 * refused and their keys forgotten; if that is all of them, its error is thrown. @returns an answer for each, in order.
 */
export async function answerIdempotently<T>(
  tx: Tx,
  requests: readonly (Idempotency | undefined)[],
  work: (count: number) => Promise<T>,
): Promise<(T | BerthError)[]> {
  const uses = [
    ...new Map(requests.flatMap((one) => (one === undefined ? [] : [[idOf(one), one]]))).values(),
  ];
  const kept = new Map((uses.length === 0 ? [] : await takeKeys(tx, uses)).map((row) => [idOf(row), row]));
  const fresh = uses.filter((use) => !kept.has(idOf(use)));
  const unkeyed = requests.filter((one) => one === undefined).length;
  let answer: T | BerthError | undefined;
  if (fresh.length + unkeyed > 0)
    try {
      answer = await work(fresh.length + unkeyed);
      const given = answer;
      if (fresh.length > 0)
        await keepAnswers(
          tx,
          fresh.map((use) => ({ use, answer: sealAnswer(use, given) })),
        );
    } catch (error) {
      // With nothing to answer, nothing is to be written either: unless others write in this transaction.
      const isRefused = error instanceof BerthError;
      if (!isShared(tx) && (!isRefused || kept.size === 0)) throw error;
      if (fresh.length > 0) await giveKeysBack(tx, fresh);
      if (!isRefused) throw error;
      answer = error;
    }
  const answers = requests.map(async (one): Promise<T | BerthError> => {
    const row = one === undefined ? undefined : kept.get(idOf(one));
    if (one === undefined || fresh.includes(one)) return answer as T | BerthError;
    if (row !== undefined) return (await withSpec(tx, replay(one, row))) as T | BerthError;
    // The same key twice in one batch.
    const twin = fresh.find((use) => idOf(use) === idOf(one))!;
    if (!twin.requestHash.equals(one.requestHash)) return reused(one);
    one.replayed = true;
    return answer as T | BerthError;
  });
  return Promise.all(answers);
}

/** One text for each of their keys. */
export function keysOf(requests: readonly (Idempotency | undefined)[]): string[] {
  return requests.flatMap((one) => (one === undefined ? [] : [idOf(one)]));
}

function idOf({ actor, key }: Pick<KeyUse, "actor" | "key">): string {
  return JSON.stringify([actor, key]);
}

function replay(idempotency: Idempotency, kept: KeptAnswer): unknown {
  const answer = kept.request_hash.equals(idempotency.requestHash)
    ? unsealAnswer(idempotency, kept.answer)
    : null;
  if (answer === null) return reused(idempotency);
  idempotency.replayed = true;
  return answer;
}

function reused(idempotency: Idempotency): BerthError {
  return new BerthError(
    "idempotency_key_reused",
    "this Idempotency-Key came with another request, or from another credential: use a new one",
    { idempotency_key: idempotency.key },
  );
}

/** What V8's own serialisation keeps is what it was, dates and sets included; later versions read it. */
function sealAnswer(idempotency: Idempotency, answer: unknown): Buffer {
  const whole = serialize(answer);
  return seal(keyOf(idempotency), whole.length <= MAX_KEPT_BYTES ? whole : serialize(withoutSpec(answer)));
}

/** So that a small request with a key of its own each time doesn't keep a large spec each time. */
const MAX_KEPT_BYTES = 16 * 1_024;

/** The workspace of a large answer is kept without its spec, which whoever answers it again reads from its row. */
function withoutSpec(answer: unknown): unknown {
  const { workspace } = (answer ?? {}) as { workspace?: object };
  return workspace === undefined || !("spec" in workspace)
    ? answer
    : { ...(answer as object), workspace: { ...workspace, spec: SPEC_LEFT_OUT } };
}

const SPEC_LEFT_OUT = null;

/** Puts the spec back that {@link withoutSpec} has left out: the one that the workspace has now, none of a purged one. */
async function withSpec(tx: Tx, answer: unknown): Promise<unknown> {
  const { workspace } = (answer ?? {}) as { workspace?: { id: string; spec: unknown } };
  if (workspace === undefined || workspace.spec !== SPEC_LEFT_OUT) return answer;
  const spec = (await getWorkspace(tx, workspace.id))?.spec ?? {};
  return { ...(answer as object), workspace: { ...workspace, spec } };
}

/** Null if it was sealed under another credential. */
function unsealAnswer(idempotency: Idempotency, sealed: Buffer): unknown {
  const answer = unseal(keyOf(idempotency), sealed);
  try {
    return answer === null ? null : deserialize(answer);
  } catch {
    return null;
  }
}

function keyOf({ credential, key }: Idempotency): Buffer {
  return Buffer.from(hkdfSync("sha256", credential, key, "berth idempotency", 32));
}
