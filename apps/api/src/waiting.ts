import { FINISHED_CHANNEL, getOperations } from "@berth/core/db/operations";
import { listen } from "@berth/core/db/listen";
import type { Pool } from "@berth/core/db/pool";
import { isFinished } from "@berth/core/domain/operation";
import type { Logger } from "@berth/core/logger";

export interface Waiting {
  /**
   * True once all these operations have ended. False when the time is up, the caller has gone, or the
   * process is closing: the operations go on (I11).
   */
  wait(ids: readonly string[], options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean>;
  /** Ends every wait and the connection. */
  close(): Promise<void>;
}

/**
 * Waits for operations to end, all requests of the process over one LISTEN connection. What a notification
 * can't tell (lost while reconnecting) is seen by one query for all that is waited for, every `recheckMs`.
 */
export function createWaiting(options: {
  pool: Pool;
  databaseUrl: string;
  logger: Logger;
  recheckMs?: number;
}): Waiting {
  const { pool, logger } = options;
  const waiters = new Map<string, Set<() => void>>();
  const givingUp = new Set<() => void>();
  let closed = false;
  let recheck: NodeJS.Timeout | undefined;

  const ended = (id: string): void => {
    for (const tell of waiters.get(id) ?? []) tell();
  };
  const look = async (ids: readonly string[]): Promise<void> => {
    if (ids.length === 0) return;
    try {
      const rows = new Map((await getOperations(pool, ids)).map((row) => [row.id, row]));
      // One without a row was purged, which nothing unfinished can be.
      for (const id of ids) if (isFinished(rows.get(id)?.state ?? "succeeded")) ended(id);
    } catch (error) {
      logger.warn({ err: error }, "can't look whether operations have ended; trying again");
    }
  };
  const lookAtAll = (): void => void look([...waiters.keys()]);

  const listener = listen(options.databaseUrl, FINISHED_CHANNEL, {
    notification: ended,
    connected: lookAtAll,
    error: (error) => logger.warn({ err: error }, "listening for ended operations broke; reconnecting"),
  });

  const add = (id: string, tell: () => void): void => {
    waiters.set(id, (waiters.get(id) ?? new Set()).add(tell));
    recheck ??= setInterval(lookAtAll, options.recheckMs ?? 5_000);
  };
  const remove = (id: string, tell: () => void): void => {
    const all = waiters.get(id);
    all?.delete(tell);
    if (all?.size === 0) waiters.delete(id);
    if (waiters.size > 0) return;
    clearInterval(recheck);
    recheck = undefined;
  };

  return {
    wait: (ids, { timeoutMs, signal }) =>
      new Promise((resolve) => {
        const open = new Map<string, () => void>();
        const end = (all: boolean): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", giveUp);
          givingUp.delete(giveUp);
          for (const [id, tell] of open) remove(id, tell);
          resolve(all);
        };
        const giveUp = (): void => end(false);
        const timer = setTimeout(giveUp, timeoutMs);
        signal.addEventListener("abort", giveUp);
        givingUp.add(giveUp);
        for (const id of ids) {
          const tell = (): void => {
            remove(id, tell);
            if (open.delete(id) && open.size === 0) end(true);
          };
          open.set(id, tell);
          add(id, tell);
        }
        if (closed || signal.aborted) return giveUp();
        // Told from here on, so an end before this is seen by looking.
        void look(ids);
      }),
    async close() {
      closed = true;
      for (const giveUp of givingUp) giveUp();
      await listener.close();
    },
  };
}
