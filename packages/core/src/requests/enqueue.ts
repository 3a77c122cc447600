import { randomUUID } from "node:crypto";
import { defined } from "../base/defined.js";
import { BerthError } from "../base/errors.js";
import { traceIds } from "../base/tracing.js";
import { insertOperations, succeededSince, type NewOperation, type Operation } from "../db/operations.js";
import type { Tx } from "../db/pool.js";
import type { OperationKind } from "../domain/operation.js";
import type { RequestContext, RequestedBy } from "./accept.js";

/** Takes the next ticket for a new operation. The caller has locked the gate. @throws BerthError `not_retryable`. */
export async function enqueue(
  tx: Tx,
  context: Pick<RequestContext, "maxAttempts">,
  workspaceId: string,
  kind: OperationKind,
  requester: RequestedBy,
): Promise<Operation> {
  const [operation] = await enqueueCascade(
    tx,
    context,
    { rootId: workspaceId, ids: [workspaceId], kind },
    requester,
  );
  return operation!;
}

/**
 * {@link enqueue} for many workspaces of a tree at once: what isn't the root's is a part of `partOf`, or else of the first.
 * @throws BerthError `not_retryable`.
 */
export async function enqueueCascade(
  tx: Tx,
  context: Pick<RequestContext, "maxAttempts">,
  want: { rootId: string; ids: readonly string[]; kind: OperationKind; partOf?: string | undefined },
  requester: RequestedBy,
): Promise<Operation[]> {
  const { rootId, ids, kind } = want;
  if (requester.retryOf !== undefined && kind !== "delete") await requireNoneSucceeded(tx, requester.retryOf);
  let partOf = want.partOf ?? requester.partOf;
  const wanted: NewOperation[] = [];
  for (const id of ids) {
    const source = id === rootId ? requester.source : "cascade";
    const operation = newOperation(context, id, kind, { ...requester, source, partOf });
    partOf ??= operation.id;
    wanted.push(operation);
  }
  return insertOperations(tx, wanted);
}

function newOperation(
  { maxAttempts }: Pick<RequestContext, "maxAttempts">,
  workspaceId: string,
  kind: OperationKind,
  { source, requestedBy, retryOf, partOf, newVolume }: RequestedBy,
): NewOperation {
  return {
    id: randomUUID(),
    workspace_id: workspaceId,
    kind,
    source,
    requested_by: requestedBy,
    max_attempts: maxAttempts,
    ...defined({
      retry_of: source === "cascade" ? undefined : retryOf,
      part_of: partOf,
      trace_id: traceIds().trace_id,
      new_volume: newVolume === true || undefined,
    }),
  };
}

/** What has been made good since isn't done once more. Asked here: a request sent again isn't a new one. */
async function requireNoneSucceeded(tx: Tx, retryOf: string): Promise<void> {
  const later = await succeededSince(tx, retryOf);
  if (later !== null)
    throw new BerthError(
      "not_retryable",
      `operation ${later}, accepted after it, has succeeded: ask for what you want now`,
      { operation_id: retryOf, succeeded_since: later },
    );
}
