import { batched } from "@berth/core/base/batch";

export interface WaitOptions {
  timeoutMs: number;
  /** Aborted when the caller has gone. */
  signal: AbortSignal;
  /** Whose key waits; absent: nobody's share. */
  caller?: { name: string; keyId: string | null };
}

/** Rows that requests wait for, by their ids. */
export interface Topic<Row> {
  /** True once the rows of all these keys are as wanted; false when the time is up or the caller has gone. */
  wait(
    keys: readonly string[],
    isMet: (row: Row | undefined) => boolean,
    options: WaitOptions,
  ): Promise<boolean>;
  /** The row of this key may have changed: it is looked at if anybody waits for it. */
  changed(key: string): void;
  /** The row of this key is as everybody wants it. */
  met(key: string): void;
  /** Anything may have changed. */
  changedAll(): void;
  close(): void;
}

interface Waiter<Row> {
  isMet: (row: Row | undefined) => boolean;
  tell: () => void;
}

/** Rows in one statement. */
const AT_ONCE = 1_000;

/**
 * Waits for rows without asking for them again and again: each is read once when its wait begins and once when it
 * has changed, and those of many requests in one statement. What a lost notification would have told is seen by one
 * look at all, every `recheckMs`.
 */
export function createTopic<Row>(options: {
  read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Row>>;
  recheckMs: number;
  onError: (error: unknown) => void;
}): Topic<Row> {
  const { read, recheckMs, onError } = options;
  const waiters = new Map<string, Set<Waiter<Row>>>();
  const givingUp = new Set<() => void>();
  let recheck: NodeJS.Timeout | undefined;
  let closed = false;

  const rowOf = batched<string, Row | undefined>(
    AT_ONCE,
    () => true,
    async (keys) => {
      const rows = await read([...new Set(keys)]);
      return keys.map((key) => rows.get(key));
    },
  );
  const see = (key: string, row: Row | undefined): void => {
    for (const waiter of waiters.get(key) ?? []) if (waiter.isMet(row)) waiter.tell();
  };
  const look = (key: string): Promise<void> => rowOf(key).then((row) => see(key, row), onError);
  const lookAtAll = async (): Promise<void> => {
    const keys = [...waiters.keys()];
    if (keys.length === 0) return;
    const rows = await read(keys);
    for (const key of keys) see(key, rows.get(key));
  };
  let lookingAtAll = false;
  const changedAll = (): void => {
    // One look at all at a time, however slow the database: the next comes soon.
    if (lookingAtAll) return;
    lookingAtAll = true;
    void lookAtAll()
      .catch(onError)
      .finally(() => (lookingAtAll = false));
  };
  const add = (key: string, waiter: Waiter<Row>): void => {
    waiters.set(key, (waiters.get(key) ?? new Set()).add(waiter));
    recheck ??= setInterval(changedAll, recheckMs);
  };
  const remove = (key: string, waiter: Waiter<Row>): void => {
    const all = waiters.get(key);
    all?.delete(waiter);
    if (all?.size === 0) waiters.delete(key);
    if (waiters.size > 0) return;
    clearInterval(recheck);
    recheck = undefined;
  };

  return {
    wait: (keys, isMet, { timeoutMs, signal }) =>
      new Promise((resolve) => {
        const open = new Map<string, Waiter<Row>>();
        const end = (all: boolean): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", giveUp);
          givingUp.delete(giveUp);
          for (const [key, waiter] of open) remove(key, waiter);
          resolve(all);
        };
        const giveUp = (): void => end(false);
        const timer = setTimeout(giveUp, timeoutMs);
        signal.addEventListener("abort", giveUp);
        givingUp.add(giveUp);
        for (const key of keys) {
          const waiter = {
            isMet,
            tell: (): void => {
              remove(key, waiter);
              if (open.delete(key) && open.size === 0) end(true);
            },
          };
          open.set(key, waiter);
          add(key, waiter);
        }
        if (closed || signal.aborted) return giveUp();
        // Told from here on, so a change before this is seen by looking.
        for (const key of keys) void look(key);
      }),
    changed(key) {
      if (waiters.has(key)) void look(key);
    },
    met(key) {
      for (const { tell } of waiters.get(key) ?? []) tell();
    },
    changedAll,
    close() {
      closed = true;
      for (const giveUp of givingUp) giveUp();
    },
  };
}
