import { BerthError } from "../base/errors.js";
import { lockGateShared } from "../db/gates.js";
import { unfinishedOf } from "../db/operations.js";
import type { Tx } from "../db/pool.js";
import { ancestorsOf } from "../db/trees.js";
import { getWorkspaces } from "../db/workspaces.js";
import { projectedStatus } from "../domain/operation.js";
import { AT_REST } from "../domain/status.js";
import {
  accept,
  agreesOnVolume,
  dispatch,
  type Accepted,
  type Condition,
  type Requester,
  type RequestContext,
} from "./accept.js";
import { acceptIdempotently } from "./idempotency.js";
import { leaveLostPlace } from "./lost.js";
import { requireQuotaToRun } from "./quotas.js";

/**
 * Starts a paused or hibernated workspace again with its volume. Its descendants stay as they are. One that a resume has left
 * failed, since its volume was gone, is started with a new one where that is asked for: as a restart.
 * @throws BerthError `workspace_not_found`, `illegal_transition`, `ancestor_suspended` (with `workspace_id`
 * of the topmost ancestor that must be resumed first), `quota_exceeded`.
 */
export async function requestResume(
  context: RequestContext,
  workspaceId: string,
  requester: Condition & Requester,
): Promise<Accepted> {
  const { accepted, isNext } = await acceptIdempotently(context.pool, workspaceId, requester, async (tx) => {
    const kind = requester.newVolume === true && (await hasFailed(tx, workspaceId)) ? "restart" : "resume";
    const { isNext: next, ...resumed } = await accept(tx, context, { workspaceId, kind }, requester, {
      servedBy: (last) => last.kind === kind && agreesOnVolume(last, requester),
      async allow(last, workspace) {
        await requireAncestorsRun(tx, workspaceId);
        await requireQuotaToRun(tx, workspace, last);
        if (last === undefined) await leaveLostPlace(tx, workspace, requester);
      },
    });
    return { accepted: resumed, isNext: next };
  });
  if (isNext !== null) await dispatch(context.dispatcher, accepted.operation, isNext);
  return accepted;
}

async function hasFailed(tx: Tx, workspaceId: string): Promise<boolean> {
  const [workspace] = await getWorkspaces(tx, [workspaceId]);
  return workspace?.status === "failed";
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
