import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { within } from "@berth/core/base/deadline";
import type { Logger } from "@berth/core/base/logger";
import type { Registry } from "prom-client";

/** What one part answered, in words for people and probes. */
export interface Readiness {
  postgres: "up" | "down";
  queues: "up" | "down";
  /** Places that this worker serves now, by name. */
  places: readonly string[];
}

const PROBE_LIMIT_MS = 2_000;
const NO_STORE = { "cache-control": "no-store" };

/**
 * Where a worker is seen: `/health` while the process is up, `/ready` while PostgreSQL answers, and `/metrics`. It tells no
 * secret and takes no orders, and asks for no key, so it belongs on a network of one's own.
 * @throws Error in one line if the port can't be used
 */
export async function serveFigures(options: {
  host: string;
  port: number;
  registry: Registry;
  ready: () => Promise<Readiness>;
  logger: Logger;
}): Promise<{ port: number; close(): Promise<void> }> {
  const { host, port, logger } = options;
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      logger.warn({ err: error }, "figures");
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  // A scrape is small and soon over: nobody holds a connection of a worker.
  server.requestTimeout = 10_000;
  server.maxConnections = 100;
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "EADDRINUSE" ? "is in use" : (error as Error).message;
    throw new Error(`BERTH_WORKER_PORT: ${host} port ${port}: ${reason}`, { cause: error });
  }
  const taken = (server.address() as AddressInfo).port;
  logger.info({ port: taken }, "figures served");
  return {
    port: taken,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  { registry, ready }: { registry: Registry; ready: () => Promise<Readiness> },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "").split("?")[0];
  if (request.method !== "GET" && request.method !== "HEAD")
    return void response.writeHead(405, { allow: "GET" }).end();
  if (path === "/metrics") {
    const text = await registry.metrics();
    return void response.writeHead(200, { "content-type": registry.contentType, ...NO_STORE }).end(text);
  }
  if (path === "/health") return json(response, 200, { status: "ok" });
  if (path === "/ready") {
    const state = await within(PROBE_LIMIT_MS, [], ready).catch(() => null);
    const ok = state?.postgres === "up";
    return json(response, ok ? 200 : 503, { status: ok ? "ready" : "not ready", ...state });
  }
  return json(response, 404, { status: "no such path; there are /health, /ready and /metrics" });
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", ...NO_STORE }).end(JSON.stringify(body));
}
