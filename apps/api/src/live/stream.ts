import { once } from "node:events";
import { Readable } from "node:stream";
import type { PlacedEvent } from "@berth/core/db/events";
import { viewEvent } from "../schemas/event.js";
import type { EventFeed } from "./feed.js";
import { type KeyCheck, watchKey } from "./key-check.js";
import type { EventFilter } from "./filter.js";

/** Why a stream ends: the client may connect again, with the last id it has, except for `key_refused`. */
export type EndReason = "slow" | "shutdown" | "key_refused";

/** How much may wait for a client that reads slowly, in bytes and in events. */
const MAX_BYTES = 1_000_000;
const MAX_EVENTS = 10_000;
/** How long a slow client may take to read why it was dropped. */
const LAST_WORDS_MS = 5_000;
/** What a client waits before it connects again. */
const RETRY_MS = 2_000;

export interface StreamOptions extends KeyCheck {
  matches: EventFilter;
  /** The place after which it begins, and whether events between that and what the client has are lost. */
  from: { place: number; gap: boolean } | null;
  keepAliveMs: number;
  /** Told the place after which a stream without `from` begins. */
  onBegin?: (place: number) => void;
}

/** Events as Server-Sent Events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export async function openStream(feed: EventFeed, options: StreamOptions): Promise<Readable> {
  const { matches, from } = options;
  const timers: NodeJS.Timeout[] = [];
  let ended = false;
  /** Live events wait here until those before them are sent. */
  let waiting: PlacedEvent[] | null = [];

  const out = new Readable({ read: () => out.emit("drained"), highWaterMark: 64 * 1024 });
  const send = (text: string): boolean => !ended && out.push(text);
  const end = (reason: EndReason): void => {
    if (ended) return;
    out.push(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
    out.push(null);
    finish();
    setTimeout(() => out.destroy(), LAST_WORDS_MS).unref();
  };
  const sendEvents = (events: readonly PlacedEvent[]): boolean => {
    const text = events.filter(matches).map(textOf).join("");
    return text === "" || send(text);
  };
  const { place, leave } = await feed.join({
    events(told) {
      // The client may have read further with another process than this one has.
      const events = told.filter((event) => event.seq > (from?.place ?? 0));
      if (waiting !== null) waiting.push(...events);
      else sendEvents(events);
      if ((waiting?.length ?? 0) > MAX_EVENTS || out.readableLength > MAX_BYTES) end("slow");
    },
    closed: () => end("shutdown"),
  });
  if (from === null) options.onBegin?.(place);
  const finish = (): void => {
    ended = true;
    leave();
    for (const timer of timers) clearInterval(timer);
  };
  out.once("close", finish);

  const begin = async (): Promise<void> => {
    send(`retry: ${RETRY_MS}\n\n`);
    if (from !== null) {
      if (from.gap) send(`event: gap\ndata: {"reason":"events are kept for a limited time"}\n\n`);
      for await (const events of feed.history({ after: from.place, upTo: place })) {
        if (ended) return;
        if (!sendEvents(events)) await Promise.race([once(out, "drained"), once(out, "close")]);
      }
    }
    sendEvents(waiting!);
    waiting = null;
  };
  begin().catch((error: unknown) => out.destroy(error as Error));

  timers.push(setInterval(() => send(": alive\n\n"), options.keepAliveMs));
  timers.push(watchKey(options, () => end("key_refused")));
  return out;
}

function textOf(event: PlacedEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(viewEvent(event))}\n\n`;
}
