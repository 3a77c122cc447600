import type { Operation } from "../db/operations.js";
import { getWorkspace } from "../db/workspaces.js";
import { BerthError } from "../base/errors.js";
import { ask } from "./by-kind.js";
import { requireOperation } from "./cancel.js";
import type { Condition, Requester, RequestContext } from "./requests.js";

/**
 * Asks again for what a failed or cancelled operation was to do, as its own request would. A launch that left the
 * workspace `failed` is retried as a restart, which first stops what may be left of it.
 * @returns the operation that serves it, with `retry_of` unless it is one that waited already; null if nothing
 * of a delete is left to do.
 * @throws BerthError `operation_not_found`; `not_retryable` if it hasn't failed, or a later one has succeeded; and
 * what the request itself may be refused with, such as `illegal_transition`.
 */
export async function retryOperation(
  context: RequestContext,
  operationId: string,
  requester: Condition & Requester,
): Promise<Operation | null> {
  const operation = await requireOperation(context, operationId);
  requireRetryable(operation);
  const { kind, workspace_id: id } = operation;
  const options = { ...requester, retryOf: operation.id };
  if (kind === "pause" || kind === "hibernate" || kind === "delete")
    return ask(context, { kind, cascade: true }, id, options);
  const status = (await getWorkspace(context.pool, id))?.status;
  const isSuspended = kind === "resume" && (status === "paused" || status === "hibernated");
  return ask(context, { kind: isSuspended ? "resume" : "restart" }, id, options);
}

function requireRetryable({ id, kind, state }: Operation): void {
  if (state === "failed" || state === "cancelled") return;
  throw new BerthError(
    "not_retryable",
    `operation ${id} (${kind}) is ${state}: only one that is failed or cancelled can be retried`,
    { operation_id: id, state },
  );
}
