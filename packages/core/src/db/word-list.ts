/** Words of ours, as a list in SQL: a literal, which the planner compares with the conditions of partial indexes. */
export function wordList(words: readonly string[]): string {
  return `(${words.map((word) => `'${word}'`).join(", ")})`;
}
