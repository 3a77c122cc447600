/** What something that Berth rests on is like. Each entry is one line with its cure. */
export interface Report {
  /** What it is, in a few words; null if it didn't say. */
  found: string | null;
  /** Why it didn't answer, and nothing else is known; null if it did. */
  unreachable: string | null;
  /** Without these Berth can't work. */
  lacks: readonly string[];
  /** With these it works, but not always. */
  warnings: readonly string[];
}

/** How far a server's clock may be from ours, in ms. */
const CLOCK_LIMIT_MS = 5_000;

/** @param serverMs its time at about this moment, in ms since the epoch @returns a warning; null: its clock will do */
export function clockWarning(serverMs: number): string | null {
  const aheadMs = serverMs - Date.now();
  return Math.abs(aheadMs) > CLOCK_LIMIT_MS
    ? `has a clock ${Math.round(aheadMs / 1_000)} s from this machine's: delayed work runs at the wrong time: set both by NTP`
    : null;
}
