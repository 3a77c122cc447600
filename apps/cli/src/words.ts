import { distance } from "fastest-levenshtein";
import { CliError, EXIT } from "./exit.js";

/** @throws CliError if one of the words isn't known, with the one that was probably meant */
export function oneOf<Word extends string>(
  what: string,
  known: readonly Word[],
  given: readonly string[],
): Word[] {
  return given.map((word) => {
    const found = known.find((one) => one === word);
    if (found !== undefined) return found;
    throw new CliError(EXIT.usage, `${what}: got ${word}${meant(word, known)}`, `known: ${known.join(", ")}`);
  });
}

function meant(word: string, known: readonly string[]): string {
  const near = known.filter((one) => one.startsWith(word) || distance(word, one) <= 2);
  return near.length === 0 ? "" : ` (did you mean ${near[0]}?)`;
}
