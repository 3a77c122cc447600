import { insertEvents } from "../db/events.js";
import type { NewEvent } from "../domain/events.js";
import { passGates, stepOver, type Gate } from "../db/gates.js";
import {
  cancelOperations,
  getOperations,
  requestCancel,
  unfinishedOf,
  type Operation,
} from "../db/operations.js";
import { tellFinished } from "../db/words.js";
import type { Tx } from "../db/pool.js";
import { adoptForgotten, markReleasing, workspacesWithOpenResources } from "../db/resources.js";
import { getWorkspaces, markRemoved, purgeWorkspaces, type Workspace } from "../db/workspaces.js";
import { BerthError } from "../base/errors.js";
import { acceptIdempotently } from "./idempotency.js";
import {
  by,
  dispatch,
  isNext,
  requireVersion,
  type Condition,
  type Requester,
  type RequestContext,
} from "./accept.js";
import { enqueueCascade } from "./enqueue.js";
import { lockTree } from "./tree.js";

/** An accepted delete: the root after it and the operations that drive what is unfinished of the tree. */
export interface Removal {
  workspace: Workspace;
  /** The root's own delete; null if nothing of the root is left to do. */
  operation: Operation | null;
  /** All delete operations of the tree still to run, root's first. */
  operations: Operation[];
  /** How many descendants this request removed. */
  cascadeDeleted: number;
  purged: boolean;
}

/**
 * Removes a workspace, and with `cascade` all its descendants, in one transaction: statuses, tokens, queued
 * operations (cancelled), the ledger (releasing) and one delete operation each. Asked again, it drives what
 * is unfinished of the tree, at any depth, and nothing else. `allow` is asked with the tree locked: where it throws,
 * nothing is done.
 * @throws BerthError `workspace_not_found`; `precondition_failed`; `has_children` with the list of live children; with
 * `purge` `not_purgeable` while the ledger isn't clean.
 */
export async function removeWorkspace(
  context: RequestContext,
  workspaceId: string,
  options: { cascade: boolean; purge?: boolean; allow?: (tx: Tx) => Promise<void> } & Condition & Requester,
): Promise<Removal> {
  const { removal, next } = await acceptIdempotently(context.pool, workspaceId, options, async (tx) => {
    const { gates, workspaces } = await lockTree(tx, workspaceId);
    const root = workspaces[0]!;
    requireVersion(root, options);
    await options.allow?.(tx);
    const live = workspaces.filter((workspace) => workspace.status !== "removed");
    const liveChildren = live.filter((workspace) => workspace.id !== workspaceId);
    if (liveChildren.length > 0 && !options.cascade) throw hasChildren(root, liveChildren);

    await markRemoved(tx, ids(live), `delete requested by ${options.requestedBy}`);
    await markReleasing(tx, ids(workspaces));
    await adoptForgotten(tx, ids(workspaces));
    await insertEvents(
      tx,
      live.map((workspace) => removedEvent(workspace, workspaceId, options)),
    );
    const driven = await driveDeletes(tx, context, { gates, workspaces, live, rootId: workspaceId, options });

    if (options.purge === true) {
      if (driven.operations.length > 0)
        throw new BerthError(
          "not_purgeable",
          "the ledger of this tree isn't clean yet: delete it first, then purge",
          {
            operation_ids: ids(driven.operations),
          },
        );
      // Children first: a parent's row can't go before those that point at it.
      for (const workspace of workspaces.toReversed()) await purgeWorkspaces(tx, [workspace.id]);
    }
    const [after] = options.purge === true ? [root] : await getWorkspaces(tx, [workspaceId]);
    return {
      next: driven.next,
      removal: {
        workspace: after!,
        operation: driven.operations.find((operation) => operation.workspace_id === workspaceId) ?? null,
        operations: driven.operations,
        cascadeDeleted: liveChildren.length,
        purged: options.purge === true,
      },
    };
  });
  await Promise.all(
    removal.operations.map((operation) => dispatch(context.dispatcher, operation, next.has(operation.id))),
  );
  return removal;
}

interface Drive {
  gates: Map<string, Gate>;
  workspaces: Workspace[];
  live: Workspace[];
  rootId: string;
  options: Requester;
}

/** Cancels what else is unfinished and sees that whatever still owes something has one delete operation. */
async function driveDeletes(
  tx: Tx,
  context: RequestContext,
  drive: Drive,
): Promise<{ operations: Operation[]; next: Set<string> }> {
  const all = ids(drive.workspaces);
  const [unfinished, open] = await Promise.all([unfinishedOf(tx, all), workspacesWithOpenResources(tx, all)]);
  const deletes = new Map(
    unfinished
      .filter((operation) => operation.kind === "delete")
      .map((operation) => [operation.workspace_id, operation]),
  );
  const others = unfinished.filter((operation) => operation.kind !== "delete");
  // What runs under a living lease stops at its next safe point; all else (waiting, in backoff, or left by
  // a crashed worker) ends here, and the fence moves so that a late worker can't record anything.
  const runsNow = (operation: Operation) =>
    operation.state === "running" && drive.gates.get(operation.workspace_id)?.leased === true;
  await requestCancel(tx, ids(others.filter(runsNow)));
  const ended = others.filter((operation) => !runsNow(operation));
  await cancelOperations(tx, ids(ended), {
    code: "operation_cancelled",
    message: "the workspace was deleted",
    provider_code: null,
  });
  await insertEvents(
    tx,
    ended.map((operation) => cancelledEvent(operation, drive.options)),
  );
  tellFinished(tx, ids(ended));

  const owing = new Set([...ids(drive.live), ...open]);
  const wanted = all.filter((id) => owing.has(id) && !deletes.has(id));
  const { rootId, options } = drive;
  // The root is the first of all.
  const partOf = deletes.get(rootId)?.id;
  const made = await enqueueCascade(tx, context, { rootId, ids: wanted, kind: "delete", partOf }, options);
  const isLeased = (id: string) => drive.gates.get(id)?.leased === true;
  // A delete that has begun is at its gate's head. Passed on, a dead worker's lease would count as given back, and
  // each repeated request as an attempt.
  const hasBegun = (id: string) => deletes.get(id)?.state === "running";
  await stepOver(tx, all.filter(isLeased));
  const freed = all.filter((id) => !isLeased(id) && !hasBegun(id));
  const [passed, waiting] = await Promise.all([
    passGates(tx, freed),
    getOperations(tx, ids([...deletes.values()])),
  ]);
  const heads = new Map(passed.map((gate) => [gate.workspace_id, gate.head]));
  for (const id of all) if (!isLeased(id) && hasBegun(id)) heads.set(id, drive.gates.get(id)!.head);
  const position = new Map(all.map((id, index) => [id, index]));
  const operations = [...waiting, ...made].toSorted(
    (a, b) => position.get(a.workspace_id)! - position.get(b.workspace_id)!,
  );
  const next = new Set(
    ids(
      operations.filter((operation) => {
        const head = heads.get(operation.workspace_id);
        return head !== undefined && isNext({ head }, operation);
      }),
    ),
  );
  return { operations, next };
}

function hasChildren(root: Workspace, children: readonly Workspace[]): BerthError {
  return new BerthError(
    "has_children",
    `workspace ${root.id} has ${children.length} live descendant(s): delete them first, or ask with ?cascade=true`,
    {
      children: children
        .slice(0, 1000)
        .map(({ id, name, parent_id, status }) => ({ id, name, parent_id, status })),
    },
  );
}

function removedEvent(workspace: Workspace, rootId: string, requester: Requester): NewEvent {
  return {
    event_type: "workspace.removed",
    workspace_id: workspace.id,
    payload: {
      from: workspace.status,
      instance_id: workspace.instance_id,
      ...(workspace.id === rootId ? {} : { cascade_from: rootId }),
      ...by(requester),
    },
  };
}

function cancelledEvent(operation: Operation, requester: Requester): NewEvent {
  return {
    event_type: `workspace.${operation.kind}.cancelled`,
    workspace_id: operation.workspace_id,
    operation_id: operation.id,
    payload: { reason: "the workspace was deleted", coalesced: operation.coalesced, ...by(requester) },
  };
}

function ids(rows: readonly { id: string }[]): string[] {
  return rows.map((row) => row.id);
}
