/**
 * Gathers calls made while a batch is under way into the next one: under load one statement serves up to
 * `max` callers, and a lone caller waits for nobody. If a batch fails, each of its items is tried alone, so
 * that one poisoned item can't fail its neighbours; unless the error `concernsAll`, which would only be met
 * again by each of them, after each other's time limits. `run` returns one result an item, in order.
 */
export function batched<T, R>(
  max: number,
  concernsAll: (error: unknown) => boolean,
  run: (items: T[]) => Promise<R[]>,
): (item: T) => Promise<R> {
  interface Waiting {
    item: T;
    resolve: (result: R) => void;
    reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  let running = false;

  const settle = async (batch: Waiting[]): Promise<void> => {
    try {
      const results = await run(batch.map((one) => one.item));
      for (const [index, one] of batch.entries()) one.resolve(results[index] as R);
    } catch (error) {
      if (batch.length === 1 || concernsAll(error)) for (const one of batch) one.reject(error);
      else for (const one of batch) await settle([one]);
    }
  };
  const drain = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, max);
      waiting = waiting.slice(max);
      await settle(batch);
    }
    running = false;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!running) void drain();
    });
}
