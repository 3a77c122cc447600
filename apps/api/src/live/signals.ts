import { randomUUID } from "node:crypto";
import { listen } from "@berth/core/db/listen";
import type { Pool } from "@berth/core/db/pool";
import { EVENTS_CHANNEL, FINISHED_CHANNEL, STATUS_CHANNEL, type Word } from "@berth/core/db/words";
import type { Logger } from "@berth/core/base/logger";

export interface SignalHandlers {
  notification(payload: string): void;
  /** Something may have been missed, as while the connection was made: look once. */
  connected(): void;
}

export interface Signals {
  on(channel: SignalChannel, handlers: SignalHandlers): void;
  /** True while nothing that is told gets through to this process, as through a pooler in transaction mode. */
  readonly deaf: boolean;
  close(): Promise<void>;
}

const CHANNELS = [FINISHED_CHANNEL, STATUS_CHANNEL, EVENTS_CHANNEL] as const;
export type SignalChannel = (typeof CHANNELS)[number];

/** What a process tells itself through the database, to know that it hears. */
const PROBE_CHANNEL = "berth_probe";
const PROBE_EVERY_MS = 30_000;
const PROBE_LIMIT_MS = 2_000;
/** How often those that wait look while nothing is heard: it is all that they go by. */
const LOOK_WHILE_DEAF_MS = 250;

/**
 * What PostgreSQL tells this process, over one connection for all who want to know.
 * @param options.url a direct address: through a pooler in transaction mode nothing is heard
 * @param options.pool what this process writes over; its own words reach it also while it is deaf
 */
export function openSignals(options: { url: string; pool: Pool; logger: Logger }): Signals {
  const { url, pool, logger } = options;
  const handlers = new Map<string, SignalHandlers[]>(CHANNELS.map((channel) => [channel, []]));
  const own = randomUUID();
  let deaf = false;
  let heard: NodeJS.Timeout | undefined;
  let looking: NodeJS.Timeout | undefined;

  const setDeaf = (now: boolean): void => {
    if (deaf === now) return;
    deaf = now;
    if (deaf) logger.warn(DEAF);
    else logger.info("notifications of PostgreSQL are heard");
    clearInterval(looking);
    looking = deaf ? setInterval(lookAll, LOOK_WHILE_DEAF_MS) : undefined;
  };
  const lookAll = (): void => {
    for (const one of [...handlers.values()].flat()) one.connected();
  };
  const tell = ({ channel, payload }: Word): void => {
    for (const one of handlers.get(channel) ?? []) one.notification(payload);
  };
  const probe = (): void => {
    clearTimeout(heard);
    heard = setTimeout(() => setDeaf(true), PROBE_LIMIT_MS);
    // Over another connection: one that tells itself hears that also through a pooler. One that can't be told at all is
    // no sign of deafness, but then looking is all that is left as well.
    pool.tell([{ channel: PROBE_CHANNEL, payload: own }]);
  };
  const listener = listen(url, [...CHANNELS, PROBE_CHANNEL], {
    notification(channel, payload) {
      if (channel !== PROBE_CHANNEL) return tell({ channel, payload });
      if (payload !== own) return;
      clearTimeout(heard);
      setDeaf(false);
    },
    connected() {
      lookAll();
      probe();
    },
    error: (error) => logger.warn({ err: error }, "listening to PostgreSQL broke; reconnecting"),
  });
  const ownWords = (words: readonly Word[]): void => {
    if (deaf) for (const word of words) tell(word);
  };
  pool.onWords.add(ownWords);
  const probing = setInterval(probe, PROBE_EVERY_MS);

  return {
    on: (channel, one) => void handlers.get(channel)!.push(one),
    get deaf() {
      return deaf;
    },
    close() {
      pool.onWords.delete(ownWords);
      clearInterval(probing);
      clearInterval(looking);
      clearTimeout(heard);
      return listener.close();
    },
  };
}

/** What it means that a process is deaf, and the cure. */
export const DEAF =
  "notifications: none of PostgreSQL's gets through, as behind a pooler in transaction mode; what waits looks four times a " +
  "second instead: set DATABASE_LISTEN_URL to a direct address";
