import { backoffMs, pause, type Retry, retryAfterMs } from "./backoff.js";
import { BerthError, errorOf } from "./errors.js";
import { limit } from "./limit.js";

/** Told before each further try. */
export interface Trouble {
  error: BerthError;
  /** How often it was tried so far. */
  tries: number;
  /** When it is tried again, in ms. */
  delayMs: number;
}

export type Transport = (request: Request) => Promise<Response>;

const KEY = "idempotency-key";

/**
 * Sends a request until it is answered, as often as that is safe. A POST or DELETE has one Idempotency-Key for all
 * its tries, so that Berth carries it out once. Answers have arrived as a whole, but for streams. The transport
 * throws BerthError, or the reason of the caller's signal.
 */
export function createTransport(options: {
  fetch: (request: Request, init: RequestInit) => Promise<Response>;
  /** For one try, in ms, besides what `Prefer: wait` asks for. */
  timeoutMs: number;
  retry: Retry;
  onRetry: (trouble: Trouble) => void;
}): Transport {
  const { fetch, timeoutMs, retry, onRetry } = options;

  const attempt = async (request: Request): Promise<Response> => {
    const limitMs = timeoutMs + waitOf(request) * 1_000;
    const within = limit(request.signal, limitMs);
    let streams = false;
    try {
      const response = await fetch(request.clone(), {
        signal: within.signal,
        // Followed, a POST that is answered 301 would become a GET.
        redirect: "manual",
      });
      streams = isStream(request) && response.ok;
      if (streams) return response;
      const { status, headers } = response;
      // An answer that is cut half-way is as lost as one that never came.
      const body = await response.arrayBuffer();
      return new Response(body.byteLength === 0 ? null : body, { status, headers });
    } catch (error) {
      request.signal.throwIfAborted();
      const { origin } = new URL(request.url);
      const reason = within.late() ? `no answer within ${limitMs} ms` : reasonOf(error);
      throw new BerthError("unreachable", `Berth doesn't answer at ${origin}: ${reason}`, {
        retryable: true,
        cause: error,
      });
    } finally {
      // The caller may still leave a stream that has begun.
      if (streams) within.untime();
      else within.end();
    }
  };

  return async (request) => {
    const keyed = request.method === "POST" || request.method === "DELETE";
    if (keyed && !request.headers.has(KEY)) request.headers.set(KEY, crypto.randomUUID());
    let paused = 0;
    for (let tries = 1; ; tries++) {
      let response: Response | undefined;
      let error: BerthError | null;
      try {
        response = await attempt(request);
        error = await errorOf(response);
      } catch (thrown) {
        if (!(thrown instanceof BerthError)) throw thrown;
        error = thrown;
      }
      if (error === null) return response!;
      const askedMs = retryAfterMs(response?.headers.get("retry-after") ?? null);
      const delayMs = askedMs + backoffMs(retry, tries);
      if (tries >= retry.tries || paused + delayMs > retry.totalMs || !mayRetry(request, error)) throw error;
      paused += delayMs;
      onRetry({ error, tries, delayMs });
      await pause(delayMs, request.signal);
    }
  };
}

function mayRetry(request: Request, { status, retryable, problem }: BerthError): boolean {
  // That is how an operation ended: asking again gives the same answer.
  if (problem?.["operation_state"] !== undefined) return false;
  // Nothing was done.
  if (status === 429 || status === 503) return true;
  return (status === 0 || status >= 500) && retryable && isSafe(request);
}

/** True if it makes no difference whether the try that wasn't answered was carried out. */
function isSafe({ method, headers }: Request): boolean {
  if (method === "GET" || method === "HEAD" || headers.has(KEY)) return true;
  // A PUT or PATCH replaces; but its own success would make the condition of its second try fail.
  return !headers.has("if-match");
}

function isStream({ headers }: Request): boolean {
  return headers.get("accept") === "text/event-stream";
}

function waitOf({ headers }: Request): number {
  return Number(/\bwait=(\d+)/.exec(headers.get("prefer") ?? "")?.[1] ?? 0);
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
