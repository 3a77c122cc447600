import type { Operation } from "../db/operations.js";
import { getWorkspace } from "../db/workspaces.js";
import { isKnown, retryOf } from "../domain/operation.js";
import { BerthError } from "../base/errors.js";
import { requestByKind } from "./by-kind.js";
import { requireOperation } from "./cancel.js";
import type { Condition, Requester, RequestContext } from "./accept.js";

/**
 * Asks again for what a failed or cancelled operation was to do, as its own request would. A launch that left the
 * workspace `failed` is retried as a restart, which first stops what may be left of it.
 * @returns the operation that serves it, with `retry_of` unless it is one that waited already; null if nothing
 * of a delete is left to do.
 * @throws BerthError `operation_not_found`; `not_retryable` if it hasn't failed, is of a kind that only a newer Berth knows, or a later one has succeeded; and
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
  const status = (await getWorkspace(context.pool, id))?.status;
  return requestByKind(context, { kind: retryOf(kind, status), cascade: true }, id, {
    ...requester,
    retryOf: operation.id,
  });
}

function requireRetryable({ id, kind, state }: Operation): void {
  if (!isKnown(kind))
    throw new BerthError(
      "not_retryable",
      `this Berth doesn't know how to ${String(kind)}: ask one at least as new as that which accepted operation ${id}`,
      { operation_id: id, state },
    );
  if (state === "failed" || state === "cancelled") return;
  throw new BerthError(
    "not_retryable",
    `operation ${id} (${kind}) is ${state}: only one that is failed or cancelled can be retried`,
    { operation_id: id, state },
  );
}
