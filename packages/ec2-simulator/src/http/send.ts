import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Reply } from "./message.js";

const PIECE = 64 * 1024;

/** Sends a reply piece by piece, no faster than the caller reads it. */
export async function send(response: ServerResponse, reply: Reply): Promise<void> {
  response.writeHead(reply.status, reply.headers);
  let piece = "";
  for (const text of reply.body) {
    piece += text;
    if (piece.length < PIECE) continue;
    if (!response.write(piece)) await drained(response);
    if (response.destroyed) return;
    piece = "";
  }
  response.end(piece);
}

async function drained(response: ServerResponse): Promise<void> {
  const closed = new AbortController();
  const give = (): void => closed.abort();
  response.once("close", give);
  try {
    await once(response, "drain", { signal: closed.signal });
  } catch {
    // The caller hung up; the loop sees that the response is destroyed.
  } finally {
    response.off("close", give);
  }
}
