import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import type { AddressInfo } from "node:net";
import type { ApiConfig } from "@berth/core/config/config";
import { readPolicyFile } from "@berth/core/config/policy-file";
import { createPool, type Pool, REQUEST_CONNECTIONS } from "@berth/core/db/pool";
import { DEFAULT_PRICES, parsePrices, type Prices } from "@berth/core/domain/prices";
import { createHeartbeats } from "@berth/core/agents/heartbeat";
import type { Logger } from "@berth/core/base/logger";
import type { Queues } from "@berth/core/queues/producer";
import { openRateLimits } from "@berth/core/base/rate-limits";
import { countAccepted } from "@berth/core/metrics/accepted";
import { Registry } from "prom-client";
import { countBeats } from "./metrics/process.js";
import { listenForAgents } from "./agents-listener.js";
import { createApp } from "./app.js";
import { createEnded } from "./http/ended.js";
import { createEventFeed } from "./live/feed.js";
import { createFollowing } from "./live/log-streams.js";
import type { App } from "./services.js";
import { openSignals } from "./live/signals.js";
import { createWaiting } from "./live/waiting.js";

export interface ApiDeps {
  config: ApiConfig;
  pool: Pool;
  queues: Queues;
  logger: Logger;
  /** Where its figures are; absent: one of its own. */
  registry?: Registry;
}

/** Connections that only heartbeats and readiness use. */
const VITAL_CONNECTIONS = 3;
/** How many an API process may open: for requests, for these, for telling of both, and for listening. */
export const API_CONNECTIONS = REQUEST_CONNECTIONS + VITAL_CONNECTIONS + 3;

/** How long requests under way may take once the process is to end, in ms. */
const CLOSE_LIMIT_MS = 5_000;

export interface RunningApi {
  /** Where it answers on this machine. */
  url: string;
  /** Where it answers agents alone; null: nowhere. */
  agentsPort: number | null;
  app: App;
  /**
   * Takes no more requests, answers those that wait with 202, records the heartbeats that have arrived, and
   * ends. Pool and queues stay open.
   */
  close(): Promise<void>;
}

/** Starts the API in this process. @throws Error in one line if it can't listen, or can't read its prices. */
export async function startApi(deps: ApiDeps): Promise<RunningApi> {
  const { config, pool, queues, logger, registry = new Registry() } = deps;
  const prices = await readPrices(config.pricesFile);
  const policy = readPolicyFile(config.policyFile);
  const signals = openSignals({ url: config.databaseListenUrl ?? config.databaseUrl, pool, logger });
  const waiting = createWaiting({ pool, signals, logger, most: config.maxConnections });
  const feed = createEventFeed({ pool, signals, logger, maxStreams: config.maxStreams });
  const vitalPool = createPool(config.databaseUrl, { max: VITAL_CONNECTIONS, name: "berth-vital" });
  const limits = openRateLimits(config, (error) => logger.debug({ err: error }, "rate limits"));
  const heartbeats = countBeats(
    registry,
    createHeartbeats({
      pool: vitalPool,
      owner: `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`,
      onError: (error) => logger.warn({ err: error }, "heartbeats"),
    }),
  );
  const dispatcher = countAccepted(registry, queues.dispatcher);
  const requests = { pool, dispatcher, maxAttempts: config.retryAttempts, policy };
  const following = createFollowing({ pool, queues, logger, most: config.logFollowers });
  const services = {
    config,
    pool,
    vitalPool,
    limits,
    queues,
    requests,
    signals,
    waiting,
    ended: createEnded(pool),
    feed,
    following,
    heartbeats,
    prices,
  };
  const end = async (): Promise<void> => {
    await heartbeats.close();
    limits.close();
    // Closing twice is no error.
    if (!vitalPool.ending) await vitalPool.end();
  };
  try {
    const app = await createApp(services, logger, registry);
    await listen(app, config);
    const agents = await listenForAgents(app, config);
    const close = async (): Promise<void> => {
      waiting.close();
      feed.close();
      await Promise.all([signals.close(), following.close()]);
      // A connection on which nothing was ever asked isn't idle for Node, and would hold this up for ever.
      agents?.close();
      const late = setTimeout(() => app.server.closeAllConnections(), CLOSE_LIMIT_MS);
      await app.close();
      clearTimeout(late);
      await end();
    };
    return { url: urlOf(app, config.host), agentsPort: agents?.port ?? null, app, close };
  } catch (error) {
    waiting.close();
    feed.close();
    await Promise.all([signals.close(), following.close(), end()]);
    throw error;
  }
}

async function readPrices(file: string | null): Promise<Prices> {
  if (file === null) return DEFAULT_PRICES;
  try {
    return parsePrices(await readFile(file, "utf8"));
  } catch (error) {
    throw new Error(`BERTH_PRICES_FILE: ${file}: ${(error as Error).message}`, { cause: error });
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
