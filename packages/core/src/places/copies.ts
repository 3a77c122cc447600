import type { Logger } from "../base/logger.js";
import type { Backend } from "../compute/backend.js";
import { BackendError, type BackendErrorCode } from "../compute/backend-error.js";
import type { NoteRole, Notes } from "../compute/notes.js";
import { currentNote, notesOfOthers } from "../db/installation-notes.js";
import type { Pool } from "../db/pool.js";
import type { Reached } from "./contact.js";

/** How often a place's notes are read, in ms. */
const EVERY_MS = 10_000;
/** How long one that refuses them is left in peace, in ms: rights don't change by the minute. */
const REFUSED_MS = 600_000;
/** Another's note that stays the same for so long was left by one that has ended, in ms: it would have made three. */
const STALE_MS = 90_000;

/** Anything else, such as a right that is missing, is no reason not to work. */
const NO_ANSWER: readonly BackendErrorCode[] = ["backend_unreachable", "backend_timeout", "aborted"];

/** What the notes of a place say. */
export type Copies =
  /** We may look after the place; with a sentence if a copy of this database waits for it. */
  | { atWork: "us"; problem: string | null }
  /** A copy of this database looks after it, or did until a moment ago. */
  | { atWork: "another"; problem: string };

export interface CopyWatch {
  /** Where no note can be kept, as with fewer rights than it takes, nobody is told of. @throws BackendError at first */
  look(place: string, backend: Backend, signal: AbortSignal): Promise<Copies>;
  /** The next look asks the provider. */
  forget(place: string): void;
}

interface Watched {
  /** By this process's monotonic clock. */
  nextLookAt: number;
  found: Copies;
  /** Of each role, others' notes as they were, and since when by this process's monotonic clock. */
  others: Map<NoteRole, { notes: string; since: number }>;
}

/**
 * Tells whether a copy of this database works in a place: a cloned machine, a copied data directory, a snapshot of its disk.
 * All of those have one installation's id, and each would end what the other makes. Who is there first goes on, and the
 * other one touches nothing until the notes of the first have stood still for 90 s (docs/adr/0015).
 */
export function watchCopies(
  pool: Pool,
  logger: Logger,
  {
    staleMs = STALE_MS,
    everyMs = Math.min(EVERY_MS, staleMs / 3),
  }: { everyMs?: number; staleMs?: number | undefined } = {},
): CopyWatch {
  const watched = new Map<string, Watched>();

  const othersThere = async (
    notes: Notes,
    role: NoteRole,
    one: Watched,
    signal: AbortSignal,
  ): Promise<{ all: string[]; others: string[]; stale: boolean }> => {
    const all = await notes.read(role, signal);
    const others = await notesOfOthers(pool, all);
    const now = performance.now();
    const key = others.join();
    const before = one.others.get(role);
    const since = before?.notes === key ? before.since : now;
    one.others.set(role, { notes: key, since });
    return { all, others, stale: now - since >= staleMs };
  };

  const ask = async (notes: Notes, place: string, one: Watched, signal: AbortSignal): Promise<Copies> => {
    const mine = await currentNote(pool);
    const atWork = await othersThere(notes, "at-work", one, signal);
    if (atWork.others.length > 0 && !atWork.stale) {
      await notes.leave("waiting", mine, signal);
      return { atWork: "another", problem: heldBy(place, staleMs) };
    }
    if (atWork.all.length !== 1 || atWork.all[0] !== mine) await notes.leave("at-work", mine, signal);
    const waiting = await othersThere(notes, "waiting", one, signal);
    if (waiting.all.length > 0 && (waiting.others.length === 0 || waiting.stale))
      await notes.leave("waiting", null, signal);
    return { atWork: "us", problem: waiting.others.length > 0 && !waiting.stale ? waitedFor(place) : null };
  };

  return {
    async look(place, { notes }, signal) {
      if (notes === undefined) return { atWork: "us", problem: null };
      const known = watched.get(place);
      if (known !== undefined && performance.now() < known.nextLookAt) return known.found;
      const one: Watched = known ?? {
        nextLookAt: 0,
        found: { atWork: "us", problem: null },
        others: new Map(),
      };
      let waitMs = everyMs;
      try {
        one.found = await ask(notes, place, one, signal);
      } catch (error) {
        if (!(error instanceof BackendError)) throw error;
        const silent = NO_ANSWER.includes(error.code);
        if (known === undefined && silent) throw error;
        if (error.kind === "permanent") waitMs = Math.max(everyMs, REFUSED_MS);
        if (known === undefined)
          logger.warn(
            { err: error, place },
            "no note can be left here by which copies of this database are told",
          );
      }
      one.nextLookAt = performance.now() + waitMs;
      watched.set(place, one);
      return one.found;
    },
    forget: (place) => void watched.delete(place),
  };
}

/** What a worker reaches in a place that is the one meant: not to be touched while a copy of its database works there. */
export async function besideCopies(
  copies: CopyWatch,
  place: string,
  backend: Backend,
  reached: Reached,
  signal: AbortSignal,
): Promise<Reached> {
  try {
    const { atWork, problem } = await copies.look(place, backend, signal);
    return atWork === "us"
      ? { ...reached, problem, copyWaits: problem !== null }
      : { ...reached, state: "copied", problem };
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    const why = `place ${place} can't be reached: ${error.message}`;
    return { ...reached, state: "unreachable", problem: why };
  }
}

const CURE =
  "stop one of the two, or give one an id of its own (`delete from installation`, or --new-installation): docs/deployment.md, Copies";

function heldBy(place: string, staleMs: number): string {
  return (
    `place ${place} is looked after by another copy of this installation's database (a cloned machine, a copied data directory, ` +
    `or what this one was restored from): nothing there is touched until that one has been silent for ${staleMs / 1_000} s; ${CURE}`
  );
}

function waitedFor(place: string): string {
  return (
    `a copy of this installation's database has been started and reaches place ${place} too; it touches nothing there while ` +
    `this one works: ${CURE}`
  );
}
