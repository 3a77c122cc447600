import { insertEvents } from "../db/events.js";
import { passGates, stepOver } from "../db/gates.js";
import {
  cancelOperations,
  getOperation,
  requestCancel,
  unfinishedOf,
  type Operation,
} from "../db/operations.js";
import { tellFinished } from "../db/words.js";
import type { Tx } from "../db/pool.js";
import { changeStatuses, type Workspace } from "../db/workspaces.js";
import { firstRefused, isFinished, projectedStatus } from "../domain/operation.js";
import { hasCompute } from "../domain/backend.js";
import type { Status } from "../domain/status.js";
import { BerthError, operationNotFound } from "../base/errors.js";
import { cancelled } from "../gate/endings.js";
import { acceptIdempotently } from "./idempotency.js";
import { requireQuotaToRun } from "./quotas.js";
import {
  by,
  isNext,
  lockWorkspace,
  requireVersion,
  type Condition,
  type Requester,
  type RequestContext,
} from "./accept.js";

/**
 * Cancels an operation: one that waits ends at once and gives up its place; one that has begun is asked to stop at
 * its next safe point, and ends `cancelled` unless it ends otherwise before that.
 * @returns the operation, `cancelled` or with `cancel_requested_at`.
 * @throws BerthError `operation_not_found`, `precondition_failed`; `not_cancellable` if it has ended, is a delete, or
 * another operation waits that needs it; `quota_exceeded` for a pause or hibernate whose place is taken.
 */
export async function cancelOperation(
  context: RequestContext,
  operationId: string,
  requester: Condition & Requester,
): Promise<Operation> {
  const known = await requireOperation(context, operationId);
  const { operation, wake } = await acceptIdempotently(
    context.pool,
    known.workspace_id,
    requester,
    async (tx) => {
      const { gate, workspace } = await lockWorkspace(tx, known.workspace_id);
      requireVersion(workspace, requester);
      const before = (await getOperation(tx, operationId))!;
      requireCancellable(before, workspace);
      const unfinished = await unfinishedOf(tx, [workspace.id]);
      const behind = unfinished.filter((one) => one.ticket > before.ticket);
      requireNoneNeedsIt(before, behind, statusesAfter(before, workspace, unfinished));
      // Without its pause the workspace counts again, and its place may be another's by now.
      await requireQuotaToRun(tx, workspace, unfinished.at(-1));
      let next: Operation | undefined;
      if (before.state === "queued") {
        await endAtOnce(tx, before, requester);
        if (gate.leased) await stepOver(tx, [workspace.id]);
        else if (isNext(gate, before)) {
          await passGates(tx, [workspace.id]);
          next = behind[0];
        }
      } else if (before.cancel_requested_at === null) {
        await requestCancel(tx, [operationId], requester.requestedBy);
        await insertEvents(tx, [
          {
            event_type: `workspace.${before.kind}.cancel_requested`,
            workspace_id: workspace.id,
            operation_id: operationId,
            payload: by(requester),
          },
        ]);
        // In backoff it needn't wait that out to learn of it.
        if (!gate.leased) next = before;
      }
      return { operation: (await getOperation(tx, operationId))!, wake: next ?? null };
    },
  );
  // The dispatch sweep mends a wake-up that is lost here.
  if (wake !== null) await context.dispatcher.wake(wake).catch(() => undefined);
  return operation;
}

/** @throws BerthError `operation_not_found`. */
export async function requireOperation({ pool }: RequestContext, id: string): Promise<Operation> {
  const operation = await getOperation(pool, id);
  if (operation === null) throw operationNotFound(id);
  return operation;
}

async function endAtOnce(tx: Tx, operation: Operation, requester: Requester): Promise<void> {
  const { error, events, status, statusReason } = cancelled(operation, requester.requestedBy);
  await cancelOperations(tx, [operation.id], error!);
  if (status !== null)
    await changeStatuses(tx, [{ id: operation.workspace_id, status, reason: statusReason }]);
  await insertEvents(tx, events);
  tellFinished(tx, [operation.id]);
}

/** What the workspace may be when the operation has been cancelled and all before it has run. */
function statusesAfter(operation: Operation, workspace: Workspace, unfinished: Operation[]): Status[] {
  const before = unfinished.filter((one) => one.ticket < operation.ticket);
  const last = before.at(-1);
  if (last !== undefined) return [projectedStatus(workspace.status, last.kind)];
  // What it was to stop may run on.
  const kept = operation.status_before ?? workspace.status;
  if (operation.kind === "provision") return ["failed"];
  if (operation.phase !== null) return kept === "provisioning" ? ["failed"] : ["failed", kept];
  return operation.state === "queued" ? [workspace.status] : [workspace.status, "failed"];
}

function requireCancellable(operation: Operation, workspace: Workspace): void {
  const refuse = (why: string): never => {
    throw new BerthError("not_cancellable", why, {
      operation_id: operation.id,
      kind: operation.kind,
      state: operation.state,
      error: operation.error,
    });
  };
  if (isFinished(operation.state)) refuse(`it has ended already: it is ${operation.state}`);
  if (operation.kind === "delete")
    refuse("the workspace is removed since its delete was accepted, which can't be taken back");
  if (!hasCompute(workspace.backend))
    refuse(`a workspace of backend ${workspace.backend} runs elsewhere: delete it instead`);
}

function requireNoneNeedsIt(operation: Operation, behind: Operation[], statuses: Status[]): void {
  for (const status of statuses) {
    const refused = firstRefused(
      status,
      behind.map((one) => one.kind),
    );
    if (refused === null) continue;
    const needs = behind[refused]!;
    throw new BerthError(
      "not_cancellable",
      `operation ${needs.id} (${needs.kind}) waits behind it and would not be possible without it: cancel that one first`,
      { operation_id: operation.id, state: operation.state, blocked_by: needs.id },
    );
  }
}
