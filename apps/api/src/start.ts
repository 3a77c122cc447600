import type { AddressInfo } from "node:net";
import type { ApiConfig } from "@berth/core/config";
import type { Pool } from "@berth/core/db/pool";
import type { Logger } from "@berth/core/logger";
import type { Queues } from "@berth/core/queues";
import { createApp } from "./app.js";
import type { App } from "./services.js";
import { createWaiting } from "./waiting.js";

export interface ApiDeps {
  config: ApiConfig;
  pool: Pool;
  queues: Queues;
  logger: Logger;
}

export interface RunningApi {
  /** Where it answers on this machine. */
  url: string;
  app: App;
  /** Takes no more requests, answers those that wait with 202, and ends. Pool and queues stay open. */
  close(): Promise<void>;
}

/** Starts the API in this process. @throws Error in one line if it can't listen. */
export async function startApi({ config, pool, queues, logger }: ApiDeps): Promise<RunningApi> {
  const waiting = createWaiting({ pool, databaseUrl: config.databaseUrl, logger });
  const requests = { pool, dispatcher: queues.dispatcher, maxAttempts: config.retryAttempts };
  try {
    const app = await createApp({ config, pool, queues, requests, waiting }, logger);
    await listen(app, config);
    const close = async (): Promise<void> => {
      await waiting.close();
      await app.close();
    };
    return { url: urlOf(app, config.host), app, close };
  } catch (error) {
    await waiting.close();
    throw error;
  }
}

async function listen(app: App, { host, port }: ApiConfig): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    const reasons: Record<string, string> = {
      EADDRINUSE: "is in use: set PORT to another",
      EACCES: "may not be used by this user: set PORT to one above 1023",
      EADDRNOTAVAIL: "is not an address of this machine: set HOST to another",
      ENOTFOUND: "is not an address of this machine: set HOST to another",
    };
    const reason = reasons[(error as NodeJS.ErrnoException).code ?? ""];
    throw reason === undefined ? error : new Error(`${host} port ${port} ${reason}`, { cause: error });
  }
}

function urlOf(app: App, host: string): string {
  const { port } = app.server.address() as AddressInfo;
  const local = { "0.0.0.0": "127.0.0.1", "::": "[::1]" }[host] ?? (host.includes(":") ? `[${host}]` : host);
  return `http://${local}:${port}`;
}
