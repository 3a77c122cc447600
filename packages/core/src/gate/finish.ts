import { WithCommit } from "../db/sent.js";
import { insertEvents } from "../db/events.js";
import { passGates, type Hold, type LockedGate } from "../db/gates.js";
import { finishOperations, type FinishedState, type OperationError } from "../db/operations.js";
import type { Tx } from "../db/pool.js";
import { markReleasing } from "../db/resources.js";
import { tellFinished } from "../db/words.js";
import { changeStatuses } from "../db/workspaces.js";
import type { NewEvent } from "../domain/events.js";
import type { Status } from "../domain/status.js";

/** How an operation ends, and what its end changes. */
export interface Finish {
  hold: Hold;
  state: FinishedState;
  error: OperationError | null;
  /** The workspace's new status; null leaves it. A removed workspace stays removed. */
  status: Status | null;
  statusReason: string | null;
  /** Of `offline`: in how many ms the next restart is tried, since this one failed for a cause that may pass. */
  restartInMs?: number;
  /** True if what may run of it is to go. */
  released?: boolean;
  events: NewEvent[];
}

/** One transaction for many ends: each counts only under its own fence. */
export async function finishAll(
  tx: Tx,
  finishes: Finish[],
  opened: Promise<readonly { rows: LockedGate[] }[]>,
): Promise<WithCommit<{ held: boolean; next: number | null }[]>> {
  const [locked] = await opened;
  const fences = new Map((locked?.rows ?? []).map((gate) => [gate.workspace_id, gate]));
  const held = finishes.filter(({ hold }) => {
    const gate = fences.get(hold.workspaceId);
    return gate !== undefined && gate.fence === hold.fence && gate.owner !== null;
  });
  await finishOperations(
    tx,
    held.map(({ hold, state, error }) => ({ id: hold.operationId, state, error })),
  );
  await changeStatuses(
    tx,
    held.flatMap(({ hold, status, statusReason, restartInMs }) =>
      status === null
        ? []
        : {
            id: hold.workspaceId,
            status,
            reason: statusReason,
            ...(restartInMs === undefined ? {} : { restart_in_ms: restartInMs, tried: true }),
          },
    ),
  );
  // A launch that was given up is to leave nothing running, also where its time ran out before it could stop it.
  const released = held.filter((finish) => finish.released === true);
  if (released.length > 0)
    await markReleasing(
      tx,
      released.map(({ hold }) => hold.workspaceId),
      ["instance"],
    );
  await insertEvents(
    tx,
    held.flatMap((finish) => finish.events),
  );
  const passing = passGates(
    tx,
    held.map(({ hold }) => hold.workspaceId),
  );
  tellFinished(
    tx,
    held.map(({ hold }) => hold.operationId),
  );
  return new WithCommit(
    passing.then((passed) => {
      const heads = new Map(passed.map((gate) => [gate.workspace_id, gate]));
      return finishes.map((finish) => {
        const gate = held.includes(finish) ? heads.get(finish.hold.workspaceId) : undefined;
        if (gate === undefined) return { held: false, next: null };
        return { held: true, next: gate.head < gate.tail ? gate.head + 1 : null };
      });
    }),
  );
}
