import { defined } from "@berth/core/base/defined";
import { lastPlace, readEvents, settleEvents, type PlacedEvent } from "@berth/core/db/events";
import type { Pool } from "@berth/core/db/pool";
import { EVENTS_CHANNEL } from "@berth/core/db/words";
import { BerthError } from "@berth/core/base/errors";
import type { Logger } from "@berth/core/base/logger";
import type { Signals } from "./signals.js";

/** One who is told of events: of each exactly once, in order. */
export interface Listener {
  /** Events that have just been settled, those before them told already. */
  events(events: readonly PlacedEvent[]): void;
  /** Nothing comes any more. */
  closed(): void;
}

export interface EventFeed {
  /**
   * Tells `listener` of all events after the place that is answered. @throws BerthError `overloaded` if this process
   * serves as many as it may.
   */
  join(listener: Listener): Promise<{ place: number; leave: () => void }>;
  /** Events that were settled before, a page at a time. */
  history(range: { after: number; upTo?: number }): AsyncGenerator<PlacedEvent[]>;
  /** How many listen. */
  open(): number;
  /** Ends all streams. */
  close(): void;
}

const PAGE = 500;
/** What a lost word costs at most. */
const RECHECK_MS = 1_000;

/**
 * Reads events as they come, once for all streams of this process, and not at all while there is none. That
 * something has come is told by a notification; the table is the truth, so a lost one only costs time.
 */
export function createEventFeed(options: {
  pool: Pool;
  signals: Signals;
  logger: Logger;
  maxStreams: number;
  recheckMs?: number;
}): EventFeed {
  const { pool, signals, logger, maxStreams, recheckMs = RECHECK_MS } = options;
  const listeners = new Set<Listener>();
  let place = 0;
  let joining = 0;
  let reading: Promise<void> | undefined;
  let again = false;
  let recheck: NodeJS.Timeout | undefined;
  let closed = false;

  const readOn = async (): Promise<void> => {
    do {
      again = false;
      await settleEvents(pool);
      for (let more = true; more;) {
        const page = await readEvents(pool, { after: place, limit: PAGE });
        more = page.length === PAGE;
        // Somebody may have joined further on meanwhile.
        const events = page.filter((event) => event.seq > place);
        place = events.at(-1)?.seq ?? place;
        if (events.length > 0) for (const listener of listeners) listener.events(events);
      }
    } while (again);
  };
  const wake = (): void => {
    if (listeners.size === 0 || closed) return;
    again = true;
    reading ??= readOn()
      .catch((error: unknown) => logger.warn({ err: error }, "can't read events; trying again"))
      .finally(() => (reading = undefined));
  };
  signals.on(EVENTS_CHANNEL, { notification: wake, connected: wake });

  const leave = (listener: Listener): void => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(recheck);
    recheck = undefined;
  };

  return {
    async join(listener) {
      if (closed) throw new BerthError("overloaded", "this process is ending: connect again");
      if (listeners.size + joining >= maxStreams)
        throw new BerthError("overloaded", `this process serves ${maxStreams} streams, as many as it may`);
      joining++;
      let last: number;
      try {
        await settleEvents(pool);
        last = await lastPlace(pool);
      } finally {
        joining--;
      }
      if (closed) throw new BerthError("overloaded", "this process is ending: connect again");
      // While others are served the place moves on by what they are told.
      if (listeners.size === 0) place = Math.max(place, last);
      listeners.add(listener);
      recheck ??= setInterval(wake, recheckMs);
      const joinedAt = place;
      // What came while nobody listened yet.
      wake();
      return { place: joinedAt, leave: () => leave(listener) };
    },
    async *history({ after, upTo }) {
      for (let more = true; more;) {
        const events = await readEvents(pool, {
          after,
          ...defined({ upTo }),
          limit: PAGE,
        });
        more = events.length === PAGE;
        after = events.at(-1)?.seq ?? after;
        if (events.length > 0) yield events;
      }
    },
    open: () => listeners.size,
    close() {
      closed = true;
      clearInterval(recheck);
      for (const listener of listeners) listener.closed();
    },
  };
}
