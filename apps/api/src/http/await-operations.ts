import type { Operation } from "@berth/core/db/operations";
import { BerthError, type ErrorCode, ERRORS } from "@berth/core/base/errors";
import type { FastifyReply, FastifyRequest } from "fastify";
import { preferredWait } from "./prefer.js";
import type { Services } from "../services.js";

const FAILED_SHOWN = 100;

/**
 * Points to the operations that serve an accepted request and, if the caller prefers to wait, waits for
 * their end. @returns them as they ended; null (and the answer is a 202) if they haven't.
 * @param asked the workspace that was asked for: its operation is the one to follow; if it has none, the first unfinished
 * @throws BerthError of the first that did not succeed, the asked workspace's before others, with all of them in `failed`.
 */
export async function awaitOperations(
  { waiting, ended: endings }: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  operations: readonly Operation[],
  asked: string,
): Promise<Operation[] | null> {
  const ids = operations.map((operation) => operation.id);
  const isOwn = (operation: Operation): boolean => operation.workspace_id === asked;
  const followed =
    operations.find(isOwn) ?? operations.find((one) => one.finished_at === null) ?? operations[0]!;
  void reply.code(202).header("location", `/operations/${followed.id}`);
  const seconds = preferredWait(request.headers["prefer"] as string | undefined);
  if (seconds === null || seconds === 0) return null;
  void reply.header("preference-applied", `wait=${seconds}`);
  const { caller, signal } = request;
  request.endTurn();
  if (!(await waiting.wait(ids, { timeoutMs: seconds * 1_000, signal, caller }))) return null;
  const rows = new Map((await endings.operations(ids)).map((row) => [row.id, row]));
  const ended = ids.flatMap((id) => rows.get(id) ?? []);
  const failed = ended.filter((operation) => operation.state !== "succeeded");
  const told = failed.find(isOwn) ?? failed[0];
  if (told !== undefined) {
    if (!ended.some(isOwn)) void reply.header("location", `/operations/${told.id}`);
    throw failure(told, failed);
  }
  void reply.code(200);
  return ended;
}

/** What to tell the caller who waited for an operation that didn't succeed. */
function failure(operation: Operation, failed: readonly Operation[]): BerthError {
  const { error, state } = operation;
  const fallback: ErrorCode = state === "cancelled" ? "operation_cancelled" : "operation_failed";
  const known = error !== null && error.code in ERRORS && error.code !== "internal";
  return new BerthError(
    known ? (error.code as ErrorCode) : fallback,
    error?.message ?? `operation ${operation.id} (${operation.kind}) is ${state}`,
    {
      operation_id: operation.id,
      workspace_id: operation.workspace_id,
      operation_state: state,
      attempts: operation.attempt,
      cause: error?.code ?? null,
      ...(error?.retryable === undefined ? {} : { retryable: error.retryable }),
      provider_code: error?.provider_code ?? null,
      failed: failed.slice(0, FAILED_SHOWN).map((one) => ({
        id: one.id,
        workspace_id: one.workspace_id,
        kind: one.kind,
        state: one.state,
        error: one.error,
      })),
      failed_count: failed.length,
    },
  );
}
