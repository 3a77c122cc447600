import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A registry of images that says that it is one, and then nothing more. */
export interface HangingRegistry {
  /** An image that it is asked for and never gives. */
  readonly image: string;
  close(): Promise<void>;
}

export async function startHangingRegistry(): Promise<HangingRegistry> {
  const server = createServer((request, response) => {
    if (request.url === "/v2/") response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    image: `127.0.0.1:${(server.address() as AddressInfo).port}/hangs:latest`,
    async close() {
      const closed = once(server, "close");
      server.close().closeAllConnections();
      await closed;
    },
  };
}
