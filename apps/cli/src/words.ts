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

/** How many letters must be changed to make one word of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (letter === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
