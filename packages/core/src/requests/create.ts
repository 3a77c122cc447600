import { createHash, randomBytes, randomUUID } from "node:crypto";
import { BerthError } from "../base/errors.js";
import { insertEvents } from "../db/events.js";
import { lockGateShared } from "../db/gates.js";
import type { Tx } from "../db/pool.js";
import {
  beginGeneration,
  getWorkspace,
  insertWorkspace,
  type NewWorkspace,
  type Workspace,
} from "../db/workspaces.js";
import { hasCompute } from "../domain/backend.js";
import { by, dispatch, type Accepted, type Requester, type RequestContext } from "./accept.js";
import { enqueue } from "./enqueue.js";
import { acceptTogether } from "./idempotency.js";
import { choosePlace } from "./placement.js";
import { requirePolicy, wishUnderPolicy } from "./policy.js";
import { requireQuotaRoom } from "./quotas.js";
import { requireCompleteSpec, requireFuture } from "./validate.js";

/** `place` absent: see {@link choosePlace}. */
export type CreateInput = Omit<NewWorkspace, "id">;

/**
 * Accepts a new workspace and its provision.
 * @returns with it the token of an agent that runs elsewhere, which is shown this once; null for all others.
 * @throws BerthError `invalid_request` (the spec lacks what its backend needs, or `expires_at` has passed), `workspace_not_found` or
 * `parent_removed` (the parent), `refused_by_policy`, `quota_exceeded`, `invalid_place`, `no_place`.
 */
export async function createWorkspace(
  context: RequestContext,
  wanted: CreateInput,
  requester: Requester,
): Promise<Accepted & { token: string | null }> {
  requireCompleteSpec(wanted.backend, wanted.spec);
  requirePolicy(context, wanted, requester);
  const input = wishUnderPolicy(context, wanted);
  const accepted = await acceptTogether(context.pool, input.parent_id, requester, async (tx) => {
    await requireFuture(tx, input.expires_at);
    const parent = input.parent_id === null ? null : await requireLiveParent(tx, input.parent_id);
    await requireQuotaRoom(tx, input);
    const place = await choosePlace(tx, input, parent);
    const id = randomUUID();
    const [inserted, operation] = await Promise.all([
      insertWorkspace(tx, { ...input, id, place }),
      enqueue(tx, context, id, "provision", requester),
    ]);
    const { workspace, token } = hasCompute(input.backend)
      ? { workspace: inserted, token: null }
      : await welcomeAgent(tx, inserted);
    await insertEvents(tx, [
      {
        event_type: "workspace.provisioning",
        workspace_id: workspace.id,
        operation_id: operation.id,
        payload: {
          name: workspace.name,
          backend: workspace.backend,
          place: workspace.place,
          parent_id: workspace.parent_id,
          ...by(requester),
        },
      },
    ]);
    return { workspace, operation, token };
  });
  await dispatch(context.dispatcher, accepted.operation, true);
  return accepted;
}

/**
 * Nobody launches what runs elsewhere, so nobody could give its agent a token: the creator does. Only the
 * hash is kept.
 */
async function welcomeAgent(tx: Tx, inserted: Workspace): Promise<{ workspace: Workspace; token: string }> {
  const token = randomBytes(32).toString("base64url");
  await beginGeneration(tx, inserted.id, 1, createHash("sha256").update(token).digest(), null);
  return { workspace: (await getWorkspace(tx, inserted.id))!, token };
}

async function requireLiveParent(tx: Tx, parentId: string): Promise<Workspace> {
  await lockGateShared(tx, parentId);
  const parent = await getWorkspace(tx, parentId);
  if (parent === null)
    throw new BerthError("workspace_not_found", `there is no workspace ${parentId} to be the parent`, {
      field: "parent_id",
    });
  if (parent.status === "removed")
    throw new BerthError("parent_removed", `workspace ${parentId} is removed and can't be a parent`, {
      field: "parent_id",
    });
  return parent;
}
