import { BerthError } from "../base/errors.js";
import { changedSpec, type SpecChange } from "../domain/secrets.js";
import { insertEvents } from "../db/events.js";
import { unfinishedOf } from "../db/operations.js";
import { queuedTransaction } from "../db/pool.js";
import { updateWorkspace, type Workspace, type WorkspaceChanges } from "../db/workspaces.js";
import {
  by,
  lockWorkspace,
  requireVersion,
  type Condition,
  type Requester,
  type RequestContext,
} from "./accept.js";
import { requirePolicy } from "./policy.js";
import { requireQuotaToChange } from "./quotas.js";
import { requireCompleteSpec, requireFuture, requireKept } from "./validate.js";

/**
 * Changes what a workspace is called and what its next launch runs.
 * @throws BerthError `workspace_not_found`, `illegal_transition` (removed), `precondition_failed` if
 * `ifVersion` is not its version, `invalid_request` (the spec, or an `expires_at` that has passed), `refused_by_policy`, `quota_exceeded` (labels).
 */
export async function patchWorkspace(
  context: RequestContext,
  workspaceId: string,
  { spec: given, ...rest }: Omit<WorkspaceChanges, "spec"> & { spec?: SpecChange },
  options: Condition & Requester,
): Promise<Workspace> {
  return queuedTransaction(context.pool, workspaceId, async (tx) => {
    const { workspace } = await lockWorkspace(tx, workspaceId);
    if (workspace.status === "removed")
      throw new BerthError("illegal_transition", "a removed workspace can't be changed", {
        status: workspace.status,
      });
    requireVersion(workspace, options);
    const changes: WorkspaceChanges = {
      ...rest,
      ...(given && { spec: requireKept(changedSpec(workspace.spec, given)) }),
    };
    if (changes.spec !== undefined) requireCompleteSpec(workspace.backend, changes.spec);
    if (changes.spec !== undefined || changes.labels !== undefined)
      requirePolicy(context, { ...workspace, ...changes }, options);
    await requireFuture(tx, changes.expires_at);
    if (changes.labels !== undefined || changes.spec !== undefined)
      await requireQuotaToChange(tx, workspace, (await unfinishedOf(tx, [workspaceId])).at(-1), changes);
    await insertEvents(tx, [
      {
        event_type: "workspace.updated",
        workspace_id: workspaceId,
        payload: { fields: Object.keys(changes), ...by(options) },
      },
    ]);
    return (await updateWorkspace(tx, workspaceId, changes))!;
  });
}
