import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { connectionTo } from "./connect.js";

export interface ListenEvents {
  /** A transaction that sent this payload has committed. */
  notification(channel: string, payload: string): void;
  /** Listening has begun, or begun again: what was sent in between is lost, so look at the rows once. */
  connected(): void;
  /** The connection could not be made or broke; it is made again by itself. */
  error(error: Error): void;
}

export interface Listener {
  close(): Promise<void>;
}

const MAX_RECONNECT_MS = 5_000;

/**
 * Listens on channels over one connection of its own, made again for as long as it takes. It is a hint only:
 * a pooler in transaction mode delivers nothing, so whoever rests on it looks at the rows now and then too.
 */
export function listen(connectionString: string, channels: readonly string[], on: ListenEvents): Listener {
  const closing = new AbortController();
  let client: pg.Client | undefined;

  const once = async (): Promise<void> => {
    client = new pg.Client({
      ...connectionTo(connectionString),
      application_name: "berth-listen",
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
    const ended = new Promise<void>((resolve) => client?.once("end", resolve));
    // Each break is told of here; unhandled it would end the process.
    client.on("error", (error) => on.error(error));
    client.on("notification", ({ channel, payload }) => on.notification(channel, payload ?? ""));
    // One that is closed while it connects never says how that went.
    await Promise.race([client.connect(), ended]);
    if (closing.signal.aborted) return;
    await client.query(channels.map((channel) => `listen ${pg.escapeIdentifier(channel)}`).join(";"));
    if (closing.signal.aborted) return;
    on.connected();
    await ended;
  };

  const loop = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures++) {
      const begun = performance.now();
      try {
        await once();
      } catch (error) {
        if (!closing.signal.aborted) on.error(error as Error);
        void client?.end().catch(() => undefined);
      }
      // One that held for a while starts the backoff anew.
      if (performance.now() - begun > MAX_RECONNECT_MS) failures = 0;
      const pause = Math.min(50 * 2 ** failures, MAX_RECONNECT_MS);
      await delay(pause, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
    }
  };
  const running = loop();

  return {
    async close() {
      closing.abort();
      await client?.end().catch(() => undefined);
      await running;
    },
  };
}
