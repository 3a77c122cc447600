import { EVENTS_CHANNEL } from "@berth/core/db/events";
import { listen } from "@berth/core/db/listen";
import { FINISHED_CHANNEL } from "@berth/core/db/operations";
import { STATUS_CHANNEL } from "@berth/core/db/workspaces";
import type { Logger } from "@berth/core/base/logger";

export interface SignalHandlers {
  notification(payload: string): void;
  /** Listening has begun, or begun again: what was sent in between is lost. */
  connected(): void;
}

export interface Signals {
  on(channel: SignalChannel, handlers: SignalHandlers): void;
  close(): Promise<void>;
}

const CHANNELS = [FINISHED_CHANNEL, STATUS_CHANNEL, EVENTS_CHANNEL] as const;
export type SignalChannel = (typeof CHANNELS)[number];

/** What PostgreSQL tells this process, over one connection for all who want to know. */
export function openSignals(databaseUrl: string, logger: Logger): Signals {
  const handlers = new Map<string, SignalHandlers[]>(CHANNELS.map((channel) => [channel, []]));
  const listener = listen(databaseUrl, CHANNELS, {
    notification(channel, payload) {
      for (const one of handlers.get(channel) ?? []) one.notification(payload);
    },
    connected() {
      for (const one of [...handlers.values()].flat()) one.connected();
    },
    error: (error) => logger.warn({ err: error }, "listening to PostgreSQL broke; reconnecting"),
  });
  return {
    on: (channel, one) => void handlers.get(channel)!.push(one),
    close: () => listener.close(),
  };
}
