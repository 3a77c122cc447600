import type { BulkOptions } from "../db/bulk.js";
import type { Operation } from "../db/operations.js";
import type { BulkKind } from "../domain/operation.js";
import { BerthError, workspaceNotFound } from "../base/errors.js";
import { isOfTenant, isTreeOfTenant, type TenantLabels } from "../db/tenants.js";
import { removeWorkspace } from "./delete.js";
import { requestRestart } from "./restart.js";
import type { Condition, Requester, RequestContext } from "./accept.js";
import { requestHibernate, requestPause } from "./suspend.js";
import { requestResume } from "./resume.js";

/** Takes no descendants along. */
const ALONE: readonly BulkKind[] = ["restart", "resume"];

/**
 * Sees that a tenant may ask for an operation of this kind of a workspace; null: whoever asks is for all.
 * @throws BerthError `workspace_not_found` as for one that isn't there; `forbidden` if it would take another's along
 */
export async function requireTenant(
  { pool }: Pick<RequestContext, "pool">,
  kind: BulkKind,
  workspaceId: string,
  tenant: TenantLabels | null,
): Promise<void> {
  if (tenant === null) return;
  if (!(await isOfTenant(pool, workspaceId, tenant))) throw workspaceNotFound(workspaceId);
  if (ALONE.includes(kind) || (await isTreeOfTenant(pool, workspaceId, tenant))) return;
  throw treeForbidden(workspaceId);
}

export function treeForbidden(id: string): BerthError {
  return new BerthError(
    "forbidden",
    `not all descendants of ${id} are your tenant's: ask an operator of all`,
  );
}

/**
 * Asks for an operation by its kind.
 * @returns the one that serves the request; null if nothing of a delete is left to do.
 * @throws BerthError what the request of that kind is refused with.
 */
export async function requestByKind(
  context: RequestContext,
  { kind, cascade = false, force = false }: { kind: BulkKind } & BulkOptions,
  workspaceId: string,
  requester: Condition & Requester,
): Promise<Operation | null> {
  switch (kind) {
    case "restart":
      return (await requestRestart(context, workspaceId, requester)).operation;
    case "pause":
      return (await requestPause(context, workspaceId, requester)).operation;
    case "resume":
      return (await requestResume(context, workspaceId, requester)).operation;
    case "hibernate":
      return (await requestHibernate(context, workspaceId, { ...requester, force })).operation;
    case "delete":
      return (await removeWorkspace(context, workspaceId, { ...requester, cascade })).operation;
  }
}
