import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to the API on which things go wrong when a test says so. */
export interface Wire extends AsyncDisposable {
  url: string;
  /** How many connections were made over it. */
  made: number;
  /** How many requests went through. */
  requests: number;
  /** Done before a request goes on to the API. */
  before?: (request: string) => Promise<unknown>;
  /** Connections lead there from now on. */
  leadTo(target: string): void;
  /** The next so many replies are lost: their requests arrive. */
  loseReplies(count: number): void;
  /** Cuts the next reply that has this text, behind it. */
  cutAfter(text: string): void;
  /** Ends all connections at once. */
  cut(): void;
  /** New connections are cut at once while it is so. */
  broken: boolean;
}

export async function startWire(target: string): Promise<Wire> {
  let end = new URL(target);
  const sockets = new Set<Socket>();
  let lost = 0;
  let mark: string | null = null;
  const server = createServer((client) => {
    const upstream = connect(Number(end.port), end.hostname);
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", cut);
      socket.on("close", () => {
        sockets.delete(socket);
        cut();
      });
    }
    wire.made++;
    if (wire.broken) return cut();
    client.on("data", (data) => {
      wire.requests++;
      const arrive = (): void => void upstream.write(data);
      if (wire.before === undefined) arrive();
      else void wire.before(data.toString("latin1")).then(arrive, cut);
    });
    upstream.on("data", (data) => {
      if (lost > 0) {
        lost--;
        return cut();
      }
      const at = mark === null ? -1 : data.indexOf(mark);
      if (at === -1) return void client.write(data);
      const length = at + Buffer.byteLength(mark!);
      mark = null;
      // What was written arrives before the end does.
      client.end(data.subarray(0, length), cut);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const wire: Wire = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    made: 0,
    requests: 0,
    leadTo(to) {
      end = new URL(to);
    },
    broken: false,
    loseReplies(count) {
      lost = count;
    },
    cutAfter(text) {
      mark = text;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      wire.cut();
      server.close();
      await once(server, "close");
    },
  };
  return wire;
}
