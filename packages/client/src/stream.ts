import { createParser, type EventSourceMessage } from "eventsource-parser";
import { backoffMs, pause, type Retry } from "./backoff.js";
import { BerthError } from "./errors.js";
import type { Trouble } from "./transport.js";

/** A connection that carried a stream so far. */
export interface Connection {
  response: Response;
  body: ReadableStream<Uint8Array>;
}

/** Berth says something at least every 15 s: a connection that is silent for longer is dead. */
const SILENCE_MS = 45_000;

/**
 * Server-sent events over as many connections as it takes: after a cut the next one goes on behind the last id that
 * was yielded. Ends when the caller leaves it. @throws BerthError if Berth refuses, or can't be reached at first.
 */
export async function* follow(options: {
  connect: (lastId: string | null) => Promise<Connection>;
  /** After which id it begins; null: where the server says. */
  lastId: string | null;
  signal: AbortSignal | undefined;
  retry: Retry;
  onRetry: (trouble: Trouble) => void;
}): AsyncGenerator<EventSourceMessage, never, undefined> {
  const { connect, signal, retry, onRetry } = options;
  let { lastId } = options;
  let connected = false;
  for (let failures = 0; ;) {
    let trouble: BerthError | null = null;
    try {
      const { response, body } = await connect(lastId);
      connected = true;
      // A stream that begins now may be cut before anything comes.
      lastId ??= response.headers.get("last-event-id");
      for await (const message of messages(body, signal)) {
        failures = 0;
        lastId = message.id ?? lastId;
        yield message;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof BerthError) || !error.retryable || !connected) throw error;
      trouble = error;
    }
    failures++;
    const delayMs = backoffMs(retry, failures);
    if (trouble !== null) onRetry({ error: trouble, tries: failures, delayMs });
    await pause(delayMs, signal);
  }
}

/** What one connection says until it ends. */
async function* messages(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventSourceMessage, void, undefined> {
  const arrived: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => arrived.push(message) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  // Not left to the request: once it is answered, nothing holds it and the link from the caller's signal to the body.
  const leave = (): void => void reader.cancel().catch(() => undefined);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    for (;;) {
      const { done, value } = await beforeSilence(reader.read());
      signal?.throwIfAborted();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* arrived.splice(0);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof BerthError) throw error;
    throw new BerthError("unreachable", `the stream was cut: ${(error as Error).message}`, {
      retryable: true,
      cause: error,
    });
  } finally {
    signal?.removeEventListener("abort", leave);
    await reader.cancel().catch(() => undefined);
  }
}

async function beforeSilence<T>(read: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new BerthError("unreachable", `nothing came for ${SILENCE_MS} ms`, { retryable: true }));
    }, SILENCE_MS);
  });
  try {
    return await Promise.race([read, silence]);
  } finally {
    clearTimeout(timer);
  }
}
