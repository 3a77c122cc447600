import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ApiConfig } from "@berth/core/config/config";
import type { App } from "./services.js";

/** What workspaces call. */
const AGENTS_PATH = "/registry/";

export interface AgentsListener {
  /** Where it answers. */
  port: number;
  close(): void;
}

/**
 * Answers the agents' routes, and nothing else, on an address of its own: the one that networks of workspaces lead to needn't
 * have the rest of the API. @throws Error if it can't listen
 */
export async function listenForAgents(
  app: App,
  { agentsHost, agentsPort, host }: Pick<ApiConfig, "agentsHost" | "agentsPort" | "host">,
): Promise<AgentsListener | null> {
  if (agentsPort === null) return null;
  const { headersTimeout, requestTimeout, maxConnections } = app.server;
  const server = createServer({ headersTimeout, requestTimeout }, (request, response) => {
    if (request.url?.startsWith(AGENTS_PATH) === true) return app.routing(request, response);
    response.writeHead(404, { "content-type": "text/plain" }).end("only agents are answered here\n");
  });
  server.maxConnections = maxConnections;
  server.listen({ host: agentsHost ?? host, port: agentsPort });
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
