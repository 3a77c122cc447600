/**
 * Lets one run serve many equal calls: those that come while a run of their key is under way wait for the
 * next one together, which is told how many it stands for. A call is never served by a run that had begun
 * before it. All calls of a run get its result, or its error.
 */
export function gathered<T>(run: (key: string, calls: number) => Promise<T>): (key: string) => Promise<T> {
  const underWay = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, { calls: number; result: Promise<T> }>();

  const begin = (key: string, calls: number): Promise<T> => {
    const result = run(key, calls);
    const ended = result.then(
      () => undefined,
      () => undefined,
    );
    underWay.set(key, ended);
    void ended.then(() => {
      if (underWay.get(key) === ended) underWay.delete(key);
    });
    return result;
  };
  return (key) => {
    const next = waiting.get(key);
    if (next !== undefined) {
      next.calls++;
      return next.result;
    }
    const before = underWay.get(key);
    if (before === undefined) return begin(key, 1);
    const result = before.then(() => {
      const { calls } = waiting.get(key)!;
      waiting.delete(key);
      return begin(key, calls);
    });
    waiting.set(key, { calls: 1, result });
    return result;
  };
}
