import { appendFileSync } from "node:fs";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** Takes what agents say that can't write to a file of the harness. */
export interface Collector {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A line each connection, written down before the connection ends: by that its sender knows. `secret …` goes into
 * `secretsFile`, all others into `agentsFile`.
 */
export async function startCollector(agentsFile: string, secretsFile: string): Promise<Collector> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = "";
    open.add(socket);
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (!text.endsWith("\n")) return;
      const secret = /^secret (.*\n)$/.exec(text)?.[1];
      appendFileSync(secret === undefined ? agentsFile : secretsFile, secret ?? text, { mode: 0o600 });
      socket.end();
    });
    // It ended in the middle of its line: that was never said.
    socket.on("end", () => socket.end());
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
