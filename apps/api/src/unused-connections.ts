import type { Socket } from "node:net";
import type { App } from "./services.js";

/**
 * Ends at closing time what has sent no whole request yet. Node counts such connections neither as idle nor looks
 * at their time limits any more, so that one opened ahead of need, as browsers do, would keep the process.
 */
export function endUnusedConnections(app: App): void {
  const unused = new Set<Socket>();
  let closing = false;
  app.server.on("connection", (socket) => {
    if (closing) return void socket.destroy();
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  app.server.on("request", ({ socket }) => unused.delete(socket));
  app.addHook("preClose", async () => {
    closing = true;
    for (const socket of unused) socket.destroy();
  });
}
