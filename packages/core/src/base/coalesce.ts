/**
 * Lets one run serve many calls: those that come while a run of their key is under way wait for the next one
 * together, which is given what each of them came with. A call is never served by a run that had begun before
 * it. `run` returns a result for each call, in order; if it fails, all of them get its error.
 */
export function coalesced<Call, T>(
  run: (key: string, calls: readonly Call[]) => Promise<readonly T[]>,
): (key: string, call: Call) => Promise<T> {
  const underWay = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, { calls: Call[]; results: Promise<readonly T[]> }>();

  const begin = (key: string, calls: readonly Call[]): Promise<readonly T[]> => {
    const results = run(key, calls);
    const ended = results.then(
      () => undefined,
      () => undefined,
    );
    underWay.set(key, ended);
    void ended.then(() => {
      if (underWay.get(key) === ended) underWay.delete(key);
    });
    return results;
  };
  return async (key, call) => {
    const next = waiting.get(key);
    if (next !== undefined) {
      const place = next.calls.push(call) - 1;
      return (await next.results)[place]!;
    }
    const before = underWay.get(key);
    if (before === undefined) return (await begin(key, [call]))[0]!;
    const calls = [call];
    const results = before.then(() => {
      waiting.delete(key);
      return begin(key, calls);
    });
    waiting.set(key, { calls, results });
    return (await results)[0]!;
  };
}
