/**
 * Turns many calls within a short while into few: what is asked for during `windowMs` goes to `run` together,
 * at most `max` at a time. A call that comes while a batch is under way joins the next one, so no answer is
 * older than its question.
 */
export function windowed<Item, Result>(
  { windowMs, max }: { windowMs: number; max: number },
  run: (items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>,
): (item: Item) => Promise<Result> {
  type Entry = { item: Item; resolve: (result: Result) => void; reject: (reason: unknown) => void };
  let waiting: Entry[] = [];

  const flush = async (): Promise<void> => {
    const batch = waiting.splice(0, max);
    if (batch.length === 0) return;
    if (waiting.length > 0) setImmediate(() => void flush());
    try {
      const results = await run(batch.map(({ item }) => item));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index];
        if (result?.status === "fulfilled") resolve(result.value);
        else reject(result?.reason ?? new Error("a batch answered for fewer than it was asked"));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (waiting.length === 1) setTimeout(() => void flush(), windowMs);
    });
}
