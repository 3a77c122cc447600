import type { Socket } from "node:net";
import { problemDocument, PROBLEM_TYPE } from "./problem.js";

/** Answers what isn't HTTP at all, before there is any request. */
export function answerBrokenRequests(error: Error & { code?: string }, socket: Socket): void {
  // The other side has gone.
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) {
    socket.destroy(error);
    return;
  }
  const [status, reason, detail]: readonly [number, string, string] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? [431, "Request Header Fields Too Large", "the headers are too large"]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, "Request Timeout", "the request did not arrive in time"]
        : [400, "Bad Request", "this is not an HTTP request"];
  const body = JSON.stringify({ ...problemDocument("invalid_request", detail, {}), status });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
