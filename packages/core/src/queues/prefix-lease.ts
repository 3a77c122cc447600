import { once } from "node:events";
import { within } from "../base/deadline.js";
import { ConfigError } from "../config/config.js";
import { currentNote, notesOfOthers } from "../db/installation-notes.js";
import type { Pool } from "../db/pool.js";
import { PRODUCER_LIMIT_MS, type Store } from "./store.js";

/** How long Redis keeps whose a prefix is, in ms: of an installation that has ended nothing is left then. */
const KEPT_MS = 30_000;
const RENEW_EVERY_MS = 5_000;

/** In one step. One that nobody holds, as after a flush, becomes the caller's. */
const HOLD = `
  local holder = redis.call('get', KEYS[1])
  if holder and holder ~= ARGV[1] then return holder end
  redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]`;

/** Who works under a prefix: this database, by its installation's id and its notes. */
export interface Holder {
  id: string;
  pool: Pool;
}

export interface PrefixLease {
  /** Which other installation, or copy of this one, works under the prefix, in a sentence; null: none that is known. */
  readonly other: string | null;
  close(): void;
}

/**
 * Says in Redis which installation works under a prefix, for as long as this process lives. Two would take each other's jobs:
 * each would wait for a sweep to find it lost, and for a worker that happens to be the right one. A copy of our database has
 * our id, and is told by the notes that are left beside it (places/copies.ts).
 * @param onOther told of another one that turns up later, once each time
 * @throws ConfigError if another one works there now. A Redis that doesn't answer is asked again, for ever.
 */
export async function leasePrefix(
  { redis, options: { prefix = "bull" } }: Pick<Store, "redis" | "options">,
  own: Holder,
  onOther: (sentence: string) => void,
): Promise<PrefixLease> {
  if (redis === null) return { other: null, close: () => undefined };
  /** Undefined: Redis doesn't say. */
  const ask = (): Promise<string | null | undefined> =>
    within(PRODUCER_LIMIT_MS, [], async (signal) => {
      if (redis.status !== "ready") await once(redis, "ready", { signal });
      const holder = await redis.eval(HOLD, 1, `${prefix}:installation`, own.id, String(KEPT_MS));
      if (holder !== own.id) return sentenceOf(prefix, own.id, String(holder));
      const note = await redis.get(`${prefix}:installation-note`);
      const others = await notesOfOthers(own.pool, note === null ? [] : [note]);
      if (others.length > 0) return copySentence(prefix);
      await redis.set(`${prefix}:installation-note`, await currentNote(own.pool), "PX", KEPT_MS);
      return null;
    }).catch(() => undefined);

  let other = (await ask()) ?? null;
  if (other !== null) throw new ConfigError([other]);
  const look = async (): Promise<void> => {
    const found = await ask();
    if (found === undefined) return;
    if (found !== null && other === null) onOther(found);
    other = found;
  };
  const timer = setInterval(() => void look(), RENEW_EVERY_MS);
  return {
    get other() {
      return other;
    },
    close: () => clearInterval(timer),
  };
}

function sentenceOf(prefix: string, own: string, holder: string): string {
  return (
    `BERTH_QUEUE_PREFIX: another installation (${holder}; this one is ${own}) works on this Redis under ${prefix}, and each ` +
    `would take the other's jobs: give one of them another prefix (if that one has ended, wait ${KEPT_MS / 1_000} s)`
  );
}

function copySentence(prefix: string): string {
  return (
    `BERTH_QUEUE_PREFIX: a copy of this installation's database (or what this one was restored from) works on this Redis under ` +
    `${prefix}: stop one of the two, or give one an id of its own (docs/deployment.md, Copies); if that one has ended, wait ` +
    `${KEPT_MS / 1_000} s`
  );
}
