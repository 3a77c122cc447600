import type { BulkOptions } from "../db/bulk.js";
import type { Operation } from "../db/operations.js";
import type { BulkKind } from "../domain/operation.js";
import { removeWorkspace } from "./delete.js";
import { requestRestart } from "./restart.js";
import type { Condition, Requester, RequestContext } from "./accept.js";
import { requestHibernate, requestPause } from "./suspend.js";
import { requestResume } from "./resume.js";

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
