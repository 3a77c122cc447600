import { FINISHED_CHANNEL, getOperations, type Operation } from "@berth/core/db/operations";
import type { Pool } from "@berth/core/db/pool";
import { getWorkspaces, STATUS_CHANNEL, type Workspace } from "@berth/core/db/workspaces";
import { isFinished } from "@berth/core/domain/operation";
import type { Status } from "@berth/core/domain/status";
import type { Logger } from "@berth/core/base/logger";
import type { Signals } from "./signals.js";
import { createTopic, type WaitOptions } from "./topic.js";

export interface Waiting {
  /**
   * True once all these operations have ended. False when the time is up, the caller has gone, or the
   * process is closing: the operations go on (I11).
   */
  wait(ids: readonly string[], options: WaitOptions): Promise<boolean>;
  /** True once the workspace has one of these statuses, or is removed and never will. */
  waitForStatus(workspaceId: string, statuses: readonly Status[], options: WaitOptions): Promise<boolean>;
  /** Ends every wait. */
  close(): void;
}

/**
 * What the requests of this process wait for. Nothing is asked for while nothing happens, however many wait;
 * `recheckMs`, 30 s, bounds what a pooler costs that lets no notification through.
 */
export function createWaiting(options: {
  pool: Pool;
  signals: Signals;
  logger: Logger;
  recheckMs?: number;
}): Waiting {
  const { pool, signals, logger, recheckMs = 30_000 } = options;
  const onError = (error: unknown): void =>
    logger.warn({ err: error }, "can't look at what is waited for; trying again");
  const byId = <Row extends { id: string }>(rows: readonly Row[]) =>
    new Map(rows.map((row) => [row.id, row]));
  const operations = createTopic<Operation>({
    read: async (ids) => byId(await getOperations(pool, ids)),
    recheckMs,
    onError,
  });
  const workspaces = createTopic<Workspace>({
    read: async (ids) => byId(await getWorkspaces(pool, ids)),
    recheckMs,
    onError,
  });
  signals.on(FINISHED_CHANNEL, { notification: operations.met, connected: operations.changedAll });
  signals.on(STATUS_CHANNEL, { notification: workspaces.changed, connected: workspaces.changedAll });

  return {
    // One without a row was purged, which nothing unfinished can be.
    wait: (ids, wait) => operations.wait(ids, (row) => isFinished(row?.state ?? "succeeded"), wait),
    waitForStatus: (id, statuses, wait) =>
      workspaces.wait(
        [id],
        (row) => row === undefined || row.status === "removed" || statuses.includes(row.status),
        wait,
      ),
    close() {
      operations.close();
      workspaces.close();
    },
  };
}
