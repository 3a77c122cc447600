import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A door to a server that counts how often an answer was waited for: what is sent before the next answer comes is one. */
export interface Door {
  /** The URL, by way of the door. */
  through(url: string): string;
  turns(): number;
  close(): void;
}

export async function openDoor(to: string): Promise<Door> {
  const { hostname, port } = new URL(to);
  const sockets = new Set<Socket>();
  let turns = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let answered = true;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay();
      // One that is gone takes the other with it, and is counted no more.
      socket.on("error", () => undefined).on("close", () => (near.destroy(), far.destroy()));
    }
    near.on("data", (sent) => {
      if (answered) turns++;
      answered = false;
      far.write(sent);
    });
    far.on("data", (sent) => {
      answered = true;
      near.write(sent);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: own } = server.address() as AddressInfo;
  return {
    through(url) {
      const changed = new URL(url);
      changed.hostname = "127.0.0.1";
      changed.port = String(own);
      return changed.href;
    },
    turns: () => turns,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
