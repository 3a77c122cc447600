/**
 * Calls of one key that come while one of them is under way get its answer: what many ask for at the same moment is read
 * once. Its error is theirs as well.
 */
export function coalescing<T>(): (key: string, run: () => Promise<T>) => Promise<T> {
  const underWay = new Map<string, Promise<T>>();
  return (key, run) => {
    const before = underWay.get(key);
    if (before !== undefined) return before;
    const answer = run().finally(() => underWay.delete(key));
    underWay.set(key, answer);
    return answer;
  };
}
