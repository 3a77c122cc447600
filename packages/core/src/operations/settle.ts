import { getOperation, type Operation, type OperationError } from "../db/operations.js";
import type { Pool, Tx } from "../db/pool.js";
import { openResources, recordReleaseFailure, type OpenResource } from "../db/resources.js";
import type { Workspace } from "../db/workspaces.js";
import type { Hold } from "../db/gates.js";
import { retryDelay, type RetryPolicy } from "../domain/backoff.js";
import { cancelled, failed } from "../gate/endings.js";
import type { Gate } from "../gate/gate.js";
import { LeaseLostError, type Verdict } from "../gate/verdict.js";
import type { StepContext } from "./step.js";
import { stopInstance } from "./stop.js";

/** How one attempt of an operation ended. */
export type Outcome =
  | { kind: "succeeded" | "cancelled" }
  | { kind: "failed"; error: OperationError }
  | { kind: "retry"; error: OperationError; delayMs: number }
  | { kind: "waiting"; delayMs: number }
  | { kind: "handed_back" | "lost" };

export interface SettleOptions {
  pool: Pool;
  gate: Gate;
  retry: RetryPolicy;
  random: () => number;
}

/** An attempt that didn't succeed. */
export interface EndedAttempt {
  operation: Operation;
  /** As it was when the attempt began. */
  workspace: Workspace;
  hold: Hold;
  signal: AbortSignal;
  /** Undefined if it ended before it had one. */
  context: StepContext | undefined;
}

/** Records how an attempt ended that didn't succeed. @throws LeaseLostError, or the database's error */
export async function settle(
  options: SettleOptions,
  attempt: EndedAttempt,
  verdict: Verdict,
): Promise<Outcome> {
  switch (verdict.kind) {
    case "lost":
      return { kind: "lost" };
    case "handed_back":
      return handBack(options, attempt);
    case "waiting":
      await options.gate.wait(attempt.hold, verdict);
      return { kind: "waiting", delayMs: verdict.delayMs };
    case "cancelled":
      return endCancelled(options, attempt);
    case "failed":
      return retryOrFail(options, attempt, verdict);
  }
}

async function handBack({ gate }: SettleOptions, { hold }: EndedAttempt): Promise<Outcome> {
  await gate.handBack(hold);
  return { kind: "handed_back" };
}

async function endCancelled(
  { gate, pool }: SettleOptions,
  { operation, hold }: EndedAttempt,
): Promise<Outcome> {
  // Asked for by someone, or by a delete meanwhile: only the row knows.
  const by = (await getOperation(pool, operation.id))?.cancel_requested_by ?? null;
  await gate.finish({ hold, ...cancelled(operation, by) });
  return { kind: "cancelled" };
}

async function retryOrFail(
  options: SettleOptions,
  attempt: EndedAttempt,
  { error, permanent }: Verdict & { kind: "failed" },
): Promise<Outcome> {
  const { operation, hold } = attempt;
  const delayMs = retryDelay(options.retry, operation.attempt, options.random());
  const owed = await options.gate.fenced(hold, (tx) => noteReleaseFailure(tx, operation, error, delayMs));
  if (!permanent && operation.attempt < operation.max_attempts) {
    await options.gate.retryLater(hold, error, delayMs);
    return { kind: "retry", error, delayMs };
  }
  return endFailed(options, attempt, error, owed);
}

async function endFailed(
  { gate }: SettleOptions,
  { operation, workspace, hold, signal, context }: EndedAttempt,
  error: OperationError,
  owed: OpenResource[],
): Promise<Outcome> {
  if (operation.kind !== "delete" && operation.phase !== "stop" && !signal.aborted) await abandon(context);
  const phase = operation.phase ?? "start";
  const ending = failed(operation, { phase, error, instanceId: workspace.instance_id, owed });
  await gate.finish({ hold, ...ending });
  return { kind: "failed", error: ending.error ?? error };
}

/** A launch given up leaves nothing running; what can't be stopped now stays an obligation of the ledger. */
async function abandon(context: StepContext | undefined): Promise<void> {
  try {
    if (context !== undefined) await stopInstance.run(context);
  } catch (error) {
    if (error instanceof LeaseLostError) throw error;
  }
}

/** The ledger keeps the tries and last error of each thing that is to go. @returns those things */
async function noteReleaseFailure(
  tx: Tx,
  operation: Operation,
  error: OperationError,
  delayMs: number,
): Promise<OpenResource[]> {
  for (const row of await openResources(tx, operation.workspace_id))
    if (row.state === "releasing") await recordReleaseFailure(tx, row.id, error, delayMs);
  return (await openResources(tx, operation.workspace_id)).filter((row) => row.state === "releasing");
}
