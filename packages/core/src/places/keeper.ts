import { withDeadline } from "../base/deadline.js";
import type { Logger } from "../base/logger.js";
import type { Backend } from "../compute/backend.js";
import { guard } from "../compute/guard.js";
import { hurryPlace } from "../db/auto-restarts.js";
import { insertEvents } from "../db/events.js";
import { noteShared } from "../db/place-sharers.js";
import { ensurePlace, notePlaceError, type FirstSettings } from "../db/places.js";
import { forgetWorker, noteContact } from "../db/place-workers.js";
import { transaction, type Pool } from "../db/pool.js";
import type { Contact } from "../domain/place.js";
import { contact, type Reached } from "./contact.js";
import { besideCopies, watchCopies } from "./copies.js";

/** What a worker is configured to reach. */
export interface ServedPlaces {
  /** By the name of its place. */
  readonly backends: ReadonlyMap<string, Backend>;
  /** Given to a place that nobody has known before. */
  readonly first: ReadonlyMap<string, FirstSettings>;
}

export interface PlaceKeeperOptions extends ServedPlaces {
  pool: Pool;
  /** Names this worker process. */
  worker: string;
  logger: Logger;
  /** How often each place is asked who it is, in ms. */
  everyMs?: number;
  /** After how long without a new note a copy of this database has ended (`copies.ts`), in ms. */
  copyStaleMs?: number;
}

export interface PlaceListener {
  /** This worker begins or ceases to serve a place. */
  onServed(place: string, served: boolean): void;
  /** One that couldn't be reached, or wasn't the one meant, is again: what failed there meanwhile is due. */
  onBack(place: string): void;
}

export interface PlaceKeeper {
  /** Those that are the places that they are meant to be, guarded: what this worker may touch. Changes with them. */
  readonly served: ReadonlyMap<string, Backend>;
  /** Begins to ask. @returns when each has been asked once, and what it said is written down */
  start(listener: PlaceListener): Promise<void>;
  /** From now on these: what is gone, or is reached by another backend than before, is served no more, and what is new is asked. */
  replace(places: ServedPlaces): void;
  /** Asks a place, or all, who it is now. */
  look(place?: string): Promise<void>;
  close(): Promise<void>;
}

/** How often each place is asked. Far less than how long a worker may be silent. */
const EVERY_MS = 5_000;
/** One place that doesn't answer keeps nobody from the others, and says so before the next look. */
const LOOK_LIMIT_MS = 20_000;
/** In these a place isn't served. What doesn't answer is served if it was: its acts fail by themselves. */
const REFUSED: readonly Contact[] = ["mismatch", "unconfirmed", "taken", "lost", "copied"];

/** Sees to it that this worker touches only what is the place that it is meant to be (I12). */
export function keepPlaces(options: PlaceKeeperOptions): PlaceKeeper {
  const { pool, worker, logger, everyMs = EVERY_MS } = options;
  let { backends, first } = options;
  let listener: PlaceListener | undefined;
  const served = new Map<string, Backend>();
  const recorded = new Map<string, string | null>();
  const looks = new Map<string, Promise<void>>();
  const timers = new Map<string, NodeJS.Timeout>();
  /** Who else has things in a place, as it was when this worker began to serve it. */
  const shared = new Map<string, string | null>();
  /** Called when what a place said is written down. */
  const onTold = new Map<string, () => void>();
  const copies = watchCopies(pool, logger, { staleMs: options.copyStaleMs });
  const ending = new AbortController();
  let ceased: Promise<unknown> = Promise.resolve();

  const guarded = (name: string, backend: Backend): Backend =>
    guard(backend, {
      name,
      identity: () => recorded.get(name) ?? null,
      onMismatch: () => void look(name),
    });
  const serve = (name: string, backend: Backend, now: boolean): void => {
    if (now === served.has(name)) return;
    if (now) served.set(name, guarded(name, backend));
    else served.delete(name);
    listener?.onServed(name, now);
  };
  const lookOnce = async (name: string): Promise<void> => {
    const backend = backends.get(name);
    if (backend === undefined) return;
    await ensurePlace(pool, { name, backend: backend.name }, first.get(name));
    const found = await withDeadline(LOOK_LIMIT_MS, [ending.signal], async (signal) => {
      const reached = await contact(pool, name, backend, { signal, priority: "reconcile" });
      return reached.state === "confirmed" ? besideCopies(copies, name, backend, reached, signal) : reached;
    });
    if (ending.signal.aborted || backends.get(name) !== backend) return;
    recorded.set(name, found.state === "lost" ? null : found.recorded);
    if (found.state === "confirmed") serve(name, backend, true);
    else if (REFUSED.includes(found.state)) serve(name, backend, false);
    const problem = found.problem ?? shared.get(name) ?? null;
    if (await tell(options, name, backend, { ...found, problem })) listener?.onBack(name);
    onTold.get(name)?.();
    // It keeps nobody from the place, so it comes last; the sweep over what is unclaimed goes on looking.
    if (found.state === "confirmed" && !shared.has(name))
      shared.set(name, await whoShares(options, name, backend, ending.signal));
  };
  const look = (name: string): Promise<void> => {
    const running = looks.get(name);
    if (running !== undefined) return running;
    clearTimeout(timers.get(name));
    const one = lookOnce(name)
      // Without the database nothing is known anew: what was confirmed stays so, and its guard goes on asking.
      .catch((error: unknown) => logger.debug({ err: error, place: name }, "not known who a place is"))
      .finally(() => {
        looks.delete(name);
        if (ending.signal.aborted || !backends.has(name)) return;
        timers.set(
          name,
          setTimeout(() => void look(name), everyMs),
        );
      });
    looks.set(name, one);
    return one;
  };

  /** After the look that goes on: it has asked who was meant before. */
  const begin = async (name: string): Promise<void> => {
    await looks.get(name);
    if (ending.signal.aborted) return;
    if (backends.has(name)) await look(name);
    else await forgetWorker(pool, worker, name).catch(() => undefined);
  };

  return {
    served,
    async start(given) {
      listener = given;
      const askOnce = (name: string): Promise<void> =>
        new Promise((resolve) => {
          onTold.set(name, resolve);
          // One that nothing could be written of has been asked, too.
          void look(name).then(resolve);
        });
      await Promise.all([...backends.keys()].map(askOnce));
    },
    replace(places) {
      const before = backends;
      ({ backends, first } = places);
      for (const [name, backend] of before) {
        if (backends.get(name) === backend) continue;
        serve(name, backend, false);
        shared.delete(name);
        copies.forget(name);
        clearTimeout(timers.get(name));
      }
      const changed = [...new Set([...before.keys(), ...backends.keys()])].filter(
        (name) => before.get(name) !== backends.get(name),
      );
      ceased = Promise.all([ceased, ...changed.map(begin)]);
    },
    async look(place) {
      await Promise.all((place === undefined ? [...backends.keys()] : [place]).map(look));
    },
    async close() {
      ending.abort(new Error("the worker is ending"));
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all([...looks.values(), ceased]);
      await forgetWorker(pool, worker).catch(() => undefined);
    },
  };
}

/** Which other installations of this deployment's name have things there; null: none, or that can't be told now. */
async function whoShares(
  { pool, logger }: PlaceKeeperOptions,
  place: string,
  backend: Backend,
  ending: AbortSignal,
): Promise<string | null> {
  try {
    const things = await withDeadline(LOOK_LIMIT_MS, [ending], async (signal) =>
      backend.listLookalikes?.({ signal, priority: "reconcile" }),
    );
    const problem = await transaction(pool, (tx) =>
      noteShared(tx, { place, backend: backend.name }, things ?? []),
    );
    if (problem !== null) logger.warn({ place }, problem);
    return problem;
  } catch (error) {
    logger.debug({ err: error, place }, "not known who shares a place");
    return null;
  }
}

/** Notes what was found, and tells of what has changed since this worker's last word. @returns true if the place is back */
async function tell(
  { pool, worker, logger }: PlaceKeeperOptions,
  place: string,
  backend: Backend,
  { state, identity, recorded, problem, copyWaits = false }: Reached,
): Promise<boolean> {
  let back = false;
  const changed = await transaction(pool, async (tx) => {
    const before = await noteContact(tx, { place, worker, state, identity, problem });
    const was = before?.state ?? "confirmed";
    const copied = copyWaits && before?.problem !== problem;
    if (was === state && !copied) {
      // Whoever was led elsewhere under this name has ended since, or has had it taken from its file.
      if (before === null) await notePlaceError(tx, place, problem);
      return before === null;
    }
    back = was !== state && state === "confirmed";
    if (back) await hurryPlace(tx, place);
    if (was !== state) await notePlaceError(tx, place, problem);
    const type = copied ? "place.copied" : EVENTS[state];
    if (type !== null)
      await insertEvents(tx, [
        {
          event_type: type,
          workspace_id: null,
          payload: { place, backend: backend.name, worker, identity, recorded, problem },
        },
      ]);
    return true;
  });
  if (changed)
    logger[state === "confirmed" && !copyWaits ? "info" : "error"](
      { place, identity },
      problem ?? "place reached",
    );
  return back;
}

const EVENTS = {
  confirmed: "place.reached",
  mismatch: "place.mismatch",
  taken: "place.mismatch",
  unconfirmed: "place.unconfirmed",
  unreachable: "place.unreachable",
  lost: null,
  copied: "place.copied",
} as const satisfies Readonly<Record<Contact, string | null>>;
