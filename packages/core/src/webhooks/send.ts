import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { withDeadline } from "../base/deadline.js";
import type { Destinations } from "./destinations.js";

/** As much of an answer is kept, in characters. */
const KEPT = 500;
/** As much of an answer is read, in bytes. */
const MAX_READ = 16_384;
/** How long what follows an answer's status line is read, in ms: it is only for people, and may never end. */
const READ_MS = 1_000;
const USER_AGENT = "Berth-Webhooks/1.0";

/** What an endpoint said, or why nothing. */
export interface Reply {
  status: number | null;
  /** Null: it took it. */
  error: string | null;
}

/**
 * Sends one request. The status line is the answer, whatever becomes of what follows it.
 * Redirects aren't followed, since they could lead anywhere. Never throws for what the other side does.
 */
export async function send(
  destinations: Destinations,
  to: string,
  { headers, body }: { headers: Record<string, string>; body: string },
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<Reply> {
  const url = new URL(to);
  // It may have been allowed once.
  const fault = destinations.fault(url);
  if (fault !== null) return { status: null, error: fault };
  let timeLeft: AbortSignal | undefined;
  try {
    const { status, text } = await withDeadline(timeoutMs, [signal], (both) =>
      post(url, headers, body, destinations, (timeLeft = both)),
    );
    if (status >= 200 && status < 300) return { status, error: null };
    const redirected = status >= 300 && status < 400 ? " (redirects aren't followed)" : "";
    return { status, error: `it answered ${status}${redirected}${text === "" ? "" : `: ${text}`}` };
  } catch (error) {
    signal.throwIfAborted();
    if (timeLeft?.aborted === true)
      return { status: null, error: `it did not answer within ${timeoutMs} ms` };
    return { status: null, error: reasonOf(error) };
  }
}

function post(
  url: URL,
  headers: Record<string, string>,
  body: string,
  { lookup }: Destinations,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    let end: (() => void) | undefined;
    const sent = request(
      url,
      {
        method: "POST",
        headers: { ...headers, "user-agent": USER_AGENT, "content-length": Buffer.byteLength(body) },
        lookup: lookup as never,
        signal,
        agent: false,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        end = (): void => {
          clearTimeout(timer);
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: answer.statusCode!, text: readable(text).slice(0, KEPT) });
          sent.destroy();
        };
        const timer = setTimeout(end, READ_MS);
        answer.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          if ((size += chunk.length) >= MAX_READ) end?.();
        });
        // Also when it breaks off, or the time is over.
        for (const event of ["end", "error", "close"]) answer.on(event, end);
      },
    );
    sent.on("error", (error) => (end === undefined ? reject(error) : end()));
    sent.end(body);
  });
}

/** PostgreSQL keeps no NUL, and who reads it wants one line. */
function readable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f\ufffd]+/g, " ").trim();
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  // Several addresses were tried: their reasons are alike.
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return readable(message || code || "it could not be reached").slice(0, KEPT);
}
