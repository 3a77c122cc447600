import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { problemDocument, PROBLEM_TYPE } from "./problem.js";

/** Answers a request that expects what HTTP doesn't know (RFC 9110, 10.1.1). */
export function refuseExpectations(_request: IncomingMessage, response: ServerResponse): void {
  const errors = [{ field: "Expect", expected: "100-continue, or no such header" }];
  const body = problemDocument("invalid_request", "Expect: expected 100-continue", { details: { errors } });
  response.writeHead(417, { "content-type": PROBLEM_TYPE, connection: "close" });
  response.end(JSON.stringify({ ...body, status: 417 }));
}

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
  const errors = [{ field: "request", expected: "HTTP/1.1, with headers and a body that end in time" }];
  const body = JSON.stringify({
    ...problemDocument("invalid_request", detail, { details: { errors } }),
    status,
  });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
