/** How often and when a request is tried again. Times in ms. */
export interface Retry {
  /** The first one too. */
  tries: number;
  /** Before the second try; doubled before each further one. */
  baseMs: number;
  /** At most so long between two tries, unless Berth asks for more. */
  mostMs: number;
  /** At most so long between all tries: who is asked to wait longer is told so instead. */
  totalMs: number;
}

export const RETRY: Retry = { tries: 5, baseMs: 200, mostMs: 5_000, totalMs: 30_000 };

/** How long before the try after `tries` ones: half of it by chance, so that many callers don't come back at once. */
export function backoffMs({ baseMs, mostMs }: Retry, tries: number): number {
  const whole = Math.min(mostMs, baseMs * 2 ** (tries - 1));
  return whole / 2 + (Math.random() * whole) / 2;
}

/** What `Retry-After` asks for, in ms: seconds or a date (RFC 9110, 10.2.3). 0 if it asks for nothing. */
export function retryAfterMs(header: string | null, now = Date.now()): number {
  if (header === null) return 0;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  return Math.max(0, (Date.parse(header) || 0) - now);
}

/** @throws the signal's reason once it is aborted. */
export async function pause(ms: number, signal?: AbortSignal | null): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
