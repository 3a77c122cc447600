import { BACKEND_RULES, type BackendName } from "./backend.js";

/**
 * What a worker reaches under a place's name.
 * - `confirmed`: the place; its things may be touched.
 * - `mismatch`: another place.
 * - `unreachable`: nobody who could be asked.
 * - `unconfirmed`: it has no recorded identity, and none of its things was found: an operator must say.
 * - `taken`: what is recorded as another place already.
 * - `lost`: what an operator has given up.
 * - `copied`: the place, where a copy of this installation's database is at work.
 */
export type Contact = "confirmed" | "mismatch" | "unreachable" | "unconfirmed" | "taken" | "lost" | "copied";

/** What a place may be called, as a pattern and in words. */
export const PLACE_NAME = {
  pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$",
  expected: "1 to 63 of a-z, 0-9 and -, which begins and ends with one of the first two",
};

/** Who gave a place up, and why. */
export interface LostWord {
  by: string;
  why: string;
}

/** What is said of a place that was given up. */
export function lostSentence(place: string, { by, why }: LostWord): string {
  return `place ${place} was given up by ${by}: ${why}`;
}

/** Both identities in one sentence. `seen` is null where what was reached carries none. */
export function mismatchOf(
  backend: BackendName,
  place: string,
  recorded: string,
  seen: string | null,
): string {
  const { peer } = BACKEND_RULES[backend];
  return seen === null
    ? `this worker's ${peer} carries no identity (it is new, or its data was wiped); place ${place} is ${recorded}`
    : `this worker's ${peer} is ${seen}; place ${place} is ${recorded}`;
}
