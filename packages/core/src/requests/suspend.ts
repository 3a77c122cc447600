import { insertEvents } from "../db/events.js";
import { lockGateShared } from "../db/gates.js";
import { coalesceInto, unfinishedOf, type Operation } from "../db/operations.js";
import type { Tx } from "../db/pool.js";
import { markReleasing } from "../db/resources.js";
import { ancestorsOf, getWorkspace, getWorkspaces, revokeToken, type Workspace } from "../db/workspaces.js";
import { projectedStatus } from "../domain/operation.js";
import { AT_REST } from "../domain/status.js";
import { hasCompute } from "../domain/backend.js";
import { BerthError } from "../base/errors.js";
import { lockTree } from "./delete.js";
import { acceptOnce } from "./idempotency.js";
import { requireRoomToRun } from "./quotas.js";
import {
  dispatch,
  enqueue,
  requestedEvent,
  requireAccepted,
  requireGate,
  requireVersion,
  type Accepted,
  type Condition,
  type Requester,
  type RequestContext,
} from "./requests.js";
import type { Step } from "../operations/step.js";
import { removeName } from "../operations/stop.js";

/** What is to be stopped is no longer heard: a late beat of it must change nothing (I9). */
export const silence: Step = {
  name: "silence",
  run: (context) => context.fenced((tx) => revokeToken(tx, context.workspaceId)),
};

/** A name that points to nothing might soon point to somebody else's instance. */
export const dropName: Step = {
  name: "dns",
  async run(context) {
    await context.fenced((tx) => markReleasing(tx, [context.workspaceId], ["dns_record"]));
    await removeName.run(context);
  },
};

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
  const { suspension, next } = await acceptOnce(context.pool, workspaceId, requester, async (tx) => {
    const { gates, workspaces } = await lockTree(tx, workspaceId);
    const root = workspaces[0]!;
    requireVersion(root, requester);
    const unfinished = await unfinishedOf(
      tx,
      workspaces.map((workspace) => workspace.id),
    );
    const lastOf = (id: string) => unfinished.filter((operation) => operation.workspace_id === id).at(-1);
    const under = lastOf(workspaceId);
    if (under?.kind === kind) {
      const operation = await coalesceInto(tx, under.id);
      return { suspension: { workspace: root, operation, operations: [operation], cascaded: 0 }, next: [] };
    }
    const running = workspaces.filter((workspace) => {
      const status = projectedStatus(workspace.status, lastOf(workspace.id)?.kind ?? null);
      // What runs elsewhere isn't ours to suspend, and doesn't keep its parent from it.
      return workspace.id === workspaceId || (hasCompute(workspace.backend) && !AT_REST.includes(status));
    });
    for (const workspace of running) requireAccepted(workspace, kind, lastOf(workspace.id));
    await allow(tx, running);
    const operations: Operation[] = [];
    for (const workspace of running) {
      const source = workspace.id === workspaceId ? requester.source : "cascade";
      operations.push(await enqueue(tx, context, workspace.id, kind, { ...requester, source }));
    }
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
      next: operations
        .filter((operation) => operation.ticket === gates.get(operation.workspace_id)!.head + 1)
        .map((operation) => operation.id),
    };
  });
  // One that was counted in has its job, or the dispatch sweep will see to it.
  if (suspension.operation.coalesced === 1)
    await Promise.all(
      suspension.operations.map((operation) =>
        dispatch(context.dispatcher, operation, next.includes(operation.id)),
      ),
    );
  return suspension;
}

/**
 * Starts a paused or hibernated workspace again with its volume. Its descendants stay as they are.
 * @throws BerthError `workspace_not_found`, `illegal_transition`, `ancestor_suspended` (with `workspace_id`
 * of the topmost ancestor that must be resumed first), `quota_exceeded`.
 */
export async function requestResume(
  context: RequestContext,
  workspaceId: string,
  requester: Condition & Requester,
): Promise<Accepted> {
  const { accepted, isNext } = await acceptOnce(context.pool, workspaceId, requester, async (tx) => {
    const gate = await requireGate(tx, workspaceId);
    const workspace = (await getWorkspace(tx, workspaceId))!;
    requireVersion(workspace, requester);
    const last = (await unfinishedOf(tx, [workspaceId])).at(-1);
    if (last?.kind === "resume")
      return { accepted: { workspace, operation: await coalesceInto(tx, last.id) }, isNext: false };
    requireAccepted(workspace, "resume", last);
    await requireAncestorsRun(tx, workspaceId);
    await requireRoomToRun(tx, workspace, last);
    const operation = await enqueue(tx, context, workspaceId, "resume", requester);
    await insertEvents(tx, [requestedEvent(operation, requester)]);
    return { accepted: { workspace, operation }, isNext: operation.ticket === gate.head + 1 };
  });
  if (accepted.operation.coalesced === 1) await dispatch(context.dispatcher, accepted.operation, isNext);
  return accepted;
}

async function requireAncestorsRun(tx: Tx, workspaceId: string): Promise<void> {
  const line = await ancestorsOf(tx, workspaceId);
  // A pause of theirs locks the whole tree: with these it waits, or has been seen.
  for (const id of line) await lockGateShared(tx, id);
  const unfinished = await unfinishedOf(tx, line);
  const rows = new Map((await getWorkspaces(tx, line)).map((row) => [row.id, row]));
  const suspended = line
    .flatMap((id) => rows.get(id) ?? [])
    .findLast((ancestor) => {
      const last = unfinished.findLast((operation) => operation.workspace_id === ancestor.id);
      return AT_REST.includes(projectedStatus(ancestor.status, last?.kind ?? null));
    });
  if (suspended !== undefined)
    throw new BerthError(
      "ancestor_suspended",
      `ancestor ${suspended.id} (${suspended.name}) is ${suspended.status}: resume it first`,
      { workspace_id: suspended.id, status: suspended.status },
    );
}
