import { closest, distance } from "fastest-levenshtein";

/**
 * The word that was probably meant. Null if none is near: of a short word little may differ, or every typo would be
 * taken for some other short one.
 * @param prefix how many letters all of them begin with.
 */
export function didYouMean(word: string, known: readonly string[], prefix = 0): string | null {
  const nearest = closest(word, known);
  return distance(word, nearest) <= Math.max(2, (word.length - prefix) / 3) ? nearest : null;
}
