const MAX_WAIT_S = 120;

/**
 * Seconds of the preference `wait` in a `Prefer` header (RFC 7240), 0 to 120; null if there is none. As
 * that RFC asks, what can't be understood is ignored.
 */
export function preferredWait(header: string | undefined): number | null {
  for (const preference of (header ?? "").split(",")) {
    const [, seconds] = /^\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:;.*)?$/i.exec(preference) ?? [];
    if (seconds !== undefined) return Math.min(Number(seconds), MAX_WAIT_S);
  }
  return null;
}
