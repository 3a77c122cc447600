import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  id: string;
  type: string;
  body: string;
  headers: IncomingHttpHeaders;
  path: string;
}
type Behaviour = (received: Received, answer: ServerResponse) => void;

export interface Receiver {
  url: string;
  received: Received[];
  /** The types received on a path, in order. */
  types(path?: string): string[];
  behave(behaviour: Behaviour): void;
  close(): Promise<void>;
}

const accept: Behaviour = (_received, answer) => void answer.writeHead(204).end();

/** An endpoint of somebody's: it notes what it is told, and answers as it likes. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let behaviour = accept;
  const server = createServer((request, answer) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const one = {
        id: String(request.headers["webhook-id"]),
        type: (JSON.parse(body) as { type: string }).type,
        body,
        headers: request.headers,
        path: request.url!,
      };
      received.push(one);
      behaviour(one, answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    types: (path) =>
      received.filter((one) => path === undefined || one.path === path).map(({ type }) => type),
    behave: (wanted) => void (behaviour = wanted),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
