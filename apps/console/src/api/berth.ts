import { BerthError, createClient } from "@berth/client";

/** Asks as whoever is logged in. Each call is tried once: what is shown says that it is tried again. */
export const berth = createClient({ url: location.origin, key: null, retry: { tries: 1 } });

/** Its streams wait for longer after each cut. */
export const streams = createClient({ url: location.origin, key: null });

export function logIn(): void {
  location.assign(`/login?next=${encodeURIComponent(`/${location.hash}`)}`);
}

/** What went wrong, in words. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof BerthError)) return error instanceof Error ? error.message : String(error);
  if (error.code === "unreachable") return "Berth doesn't answer.";
  return error.problem === null ? error.detail : `${error.problem.title}: ${error.detail}`;
}

export function isRefusal(error: unknown): boolean {
  return error instanceof BerthError && !error.retryable && error.status > 0;
}

export function isLoggedOut(error: unknown): boolean {
  return error instanceof BerthError && error.status === 401;
}
