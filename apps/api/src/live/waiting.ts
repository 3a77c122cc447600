import { statesOf, statusesOf } from "@berth/core/db/awaited";
import type { Pool } from "@berth/core/db/pool";
import { FINISHED_CHANNEL, STATUS_CHANNEL } from "@berth/core/db/words";
import { isFinished, type OperationState } from "@berth/core/domain/operation";
import type { Status } from "@berth/core/domain/status";
import type { Logger } from "@berth/core/base/logger";
import type { Signals } from "./signals.js";
import { createTopic, type WaitOptions } from "./topic.js";

export interface Waiting {
  /**
   * True once all these operations have ended. False when the time is up, the caller has gone, or the
   * process is closing: the operations go on (I11). False at once for a caller who waits for a tenth of all already.
   */
  wait(ids: readonly string[], options: WaitOptions): Promise<boolean>;
  /** True once the workspace has one of these statuses, or is removed and never will. */
  waitForStatus(workspaceId: string, statuses: readonly Status[], options: WaitOptions): Promise<boolean>;
  /** Ends every wait. */
  close(): void;
}

/**
 * What the requests of this process wait for. While nothing happens one statement every `recheckMs`, 1 s, asks for all
 * that wait: what a lost word costs at most, as with a process that died before it told of its commit.
 */
export function createWaiting(options: {
  pool: Pool;
  signals: Signals;
  logger: Logger;
  /** So many may wait. */
  most?: number;
  recheckMs?: number;
}): Waiting {
  const { pool, signals, logger, recheckMs = 1_000, most = Infinity } = options;
  const inShare = shareOf(most);
  const onError = (error: unknown): void =>
    logger.warn({ err: error }, "can't look at what is waited for; trying again");
  const operations = createTopic<OperationState>({
    read: (ids) => statesOf(pool, ids),
    recheckMs,
    onError,
  });
  const workspaces = createTopic<Status>({
    read: (ids) => statusesOf(pool, ids),
    recheckMs,
    onError,
  });
  signals.on(FINISHED_CHANNEL, { notification: operations.met, connected: operations.changedAll });
  signals.on(STATUS_CHANNEL, { notification: workspaces.changed, connected: workspaces.changedAll });

  return {
    // One without a row was purged, which nothing unfinished can be.
    wait: (ids, wait) =>
      inShare(wait, () => operations.wait(ids, (state) => isFinished(state ?? "succeeded"), wait)),
    waitForStatus: (id, statuses, wait) =>
      inShare(wait, () =>
        workspaces.wait(
          [id],
          (status) => status === undefined || status === "removed" || statuses.includes(status),
          wait,
        ),
      ),
    close() {
      operations.close();
      workspaces.close();
    },
  };
}

/** Lets each key wait in a tenth of all requests that may: the others find room, and it needn't be refused. */
function shareOf(most: number) {
  const share = Math.ceil(most / 10);
  const waits = new Map<string, number>();
  return async ({ caller }: WaitOptions, wait: () => Promise<boolean>): Promise<boolean> => {
    if (caller === undefined) return wait();
    const key = caller.keyId ?? caller.name;
    const now = waits.get(key) ?? 0;
    if (now >= share) return false;
    waits.set(key, now + 1);
    try {
      return await wait();
    } finally {
      const left = waits.get(key)! - 1;
      if (left === 0) waits.delete(key);
      else waits.set(key, left);
    }
  };
}
