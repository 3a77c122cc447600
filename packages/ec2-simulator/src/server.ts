import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { handle } from "./http/listener.js";
import { Simulator, type SimulatorOptions } from "./simulator.js";

export interface ServerOptions extends SimulatorOptions {
  /** Default 0: any free one. */
  port?: number;
  /** Default 127.0.0.1: whoever can connect can do everything. */
  host?: string;
}

export interface RunningSimulator {
  /** For the `endpoint` of a client, without a final slash. */
  url: string;
  port: number;
  sim: Simulator;
  /** Ends all connections and frees the port. */
  close(): Promise<void>;
}

/** Longer than clients keep idle connections, so that none is closed while a request is on its way. */
const KEEP_ALIVE_MS = 120_000;

/**
 * Starts the HTTP server.
 * @throws the error of `listen` (`EADDRINUSE`, …), or TypeError for an option that isn't understood.
 */
export async function startSimulator(options: ServerOptions = {}): Promise<RunningSimulator> {
  const { port: wanted = 0, host = "127.0.0.1", ...rest } = options;
  const sim = new Simulator(rest);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    void handle(sim, request, response);
  });
  server.listen(wanted, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${port}`,
    port,
    sim,
    async close() {
      sim.world.schedule.clear();
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
