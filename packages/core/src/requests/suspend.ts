import { BerthError } from "../base/errors.js";
import { insertEvents } from "../db/events.js";
import { coalesceInto, unfinishedOf, type Operation } from "../db/operations.js";
import type { Tx } from "../db/pool.js";
import type { Workspace } from "../db/workspaces.js";
import { projectedStatus } from "../domain/operation.js";
import { AT_REST } from "../domain/status.js";
import { hasCompute } from "../domain/backend.js";
import {
  dispatch,
  isNext,
  requestedEvent,
  requireAccepted,
  requireVersion,
  type Accepted,
  type Condition,
  type Requester,
  type RequestContext,
} from "./accept.js";
import { enqueueCascade } from "./enqueue.js";
import { acceptIdempotently } from "./idempotency.js";
import { lockTree } from "./tree.js";

/** An accepted pause or hibernate: the root's operation, and those of its descendants. */
export interface Suspension extends Accepted {
  /** The root's first. */
  operations: Operation[];
  /** How many descendants this request suspends. */
  cascaded: number;
}

type Suspend = "pause" | "hibernate";

/**
 * Stops a workspace and all its descendants, in one transaction; their volumes stay. Those that are paused
 * or hibernated already stay as they are. Asked again while it is under way, it answers with what is.
 * @throws BerthError `workspace_not_found`, `illegal_transition` (of whichever workspace of the tree).
 */
export function requestPause(
  context: RequestContext,
  workspaceId: string,
  options: Condition & Requester,
): Promise<Suspension> {
  return suspend(context, workspaceId, "pause", options, () => undefined);
}

/**
 * Like {@link requestPause}, for a workspace that isn't needed now. `stillWanted` is asked once more with the
 * tree locked; where it says no, nothing is done.
 * @throws BerthError as {@link requestPause}; `has_active_tasks` (with `workspaces`) unless forced.
 */
export function requestHibernate(
  context: RequestContext,
  workspaceId: string,
  options: { force?: boolean; stillWanted?: (tx: Tx) => Promise<boolean> } & Condition & Requester,
): Promise<Suspension> {
  return suspend(context, workspaceId, "hibernate", options, async (tx, live) => {
    const active = live.filter((workspace) => workspace.active_tasks > 0);
    if (active.length > 0 && options.force !== true)
      throw new BerthError(
        "has_active_tasks",
        `${active.length} workspace(s) of the tree have active tasks: wait for them, or force it`,
        { workspaces: active.map(({ id, name, active_tasks }) => ({ id, name, active_tasks })) },
      );
    if (options.stillWanted !== undefined && !(await options.stillWanted(tx)))
      throw new BerthError("busy", "it is no longer idle");
  });
}

async function suspend(
  context: RequestContext,
  workspaceId: string,
  kind: Suspend,
  requester: Condition & Requester,
  allow: (tx: Tx, live: Workspace[]) => Promise<void> | void,
): Promise<Suspension> {
  const { suspension, next } = await acceptIdempotently(context.pool, workspaceId, requester, async (tx) => {
    const { gates, workspaces } = await lockTree(tx, workspaceId);
    const root = workspaces[0]!;
    requireVersion(root, requester);
    const unfinished = await unfinishedOf(
      tx,
      workspaces.map((workspace) => workspace.id),
    );
    const last = new Map(unfinished.map((operation) => [operation.workspace_id, operation]));
    const lastOf = (id: string) => last.get(id);
    const under = lastOf(workspaceId);
    if (under?.kind === kind) {
      const operation = await coalesceInto(tx, under.id);
      return {
        suspension: { workspace: root, operation, operations: [operation], cascaded: 0 },
        next: new Set<string>(),
      };
    }
    const running = workspaces.filter((workspace) => {
      const status = projectedStatus(workspace.status, lastOf(workspace.id)?.kind ?? null);
      // What runs elsewhere isn't ours to suspend, and doesn't keep its parent from it.
      return workspace.id === workspaceId || (hasCompute(workspace.backend) && !AT_REST.includes(status));
    });
    for (const workspace of running) requireAccepted(workspace, kind, lastOf(workspace.id));
    await allow(tx, running);
    const ids = running.map(({ id }) => id);
    const operations = await enqueueCascade(tx, context, { rootId: workspaceId, ids, kind }, requester);
    await insertEvents(
      tx,
      operations.map((operation) =>
        requestedEvent(
          operation,
          requester,
          operation.workspace_id === workspaceId ? {} : { cascade_from: workspaceId },
        ),
      ),
    );
    return {
      suspension: {
        workspace: root,
        operation: operations[0]!,
        operations,
        cascaded: operations.length - 1,
      },
      next: new Set(
        operations
          .filter((operation) => isNext(gates.get(operation.workspace_id)!, operation))
          .map((operation) => operation.id),
      ),
    };
  });
  // One that was counted in has its job, or the dispatch sweep will see to it.
  if (suspension.operation.coalesced === 1)
    await Promise.all(
      suspension.operations.map((operation) =>
        dispatch(context.dispatcher, operation, next.has(operation.id)),
      ),
    );
  return suspension;
}
