import { createHash } from "node:crypto";
import { getOperation, type Operation, type OperationError } from "../db/operations.js";
import type { Pool, Tx } from "../db/pool.js";
import { keepInstance, openResources, recordReleaseFailure, type OpenResource } from "../db/resources.js";
import { restoreToken } from "../db/instances.js";
import type { Workspace } from "../db/workspaces.js";
import type { OperationKind } from "../domain/operation.js";
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
  /** Between restarts that fail, each with all its attempts, for a cause that may pass. */
  restartPause: RetryPolicy;
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
  tokenOf: StepContext["tokenOf"];
}

/** Those that begin with the end of what runs. */
const STOPS: ReadonlySet<OperationKind> = new Set(["restart", "pause", "hibernate"]);

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

async function endCancelled(options: SettleOptions, attempt: EndedAttempt): Promise<Outcome> {
  const { operation, hold } = attempt;
  // Asked for by someone, or by a delete meanwhile: only the row knows.
  const by = (await getOperation(options.pool, operation.id))?.cancel_requested_by ?? null;
  const kept = by !== null && (await takeBack(options, attempt));
  await options.gate.finish({ hold, ...cancelled(operation, by, kept) });
  return { kind: "cancelled" };
}

async function retryOrFail(
  options: SettleOptions,
  attempt: EndedAttempt,
  { error, permanent, passing }: Verdict & { kind: "failed" },
): Promise<Outcome> {
  const { operation, hold } = attempt;
  const delayMs = retryDelay(options.retry, operation.attempt, options.random());
  const owed = await options.gate.fenced(hold, (tx) => noteReleaseFailure(tx, operation, error, delayMs));
  if (!permanent && operation.attempt < operation.max_attempts) {
    await options.gate.retryLater(hold, error, delayMs);
    return { kind: "retry", error, delayMs };
  }
  return endFailed(options, attempt, { error, passing, owed });
}

async function endFailed(
  options: SettleOptions,
  attempt: EndedAttempt,
  { error, passing, owed }: { error: OperationError; passing: boolean; owed: OpenResource[] },
): Promise<Outcome> {
  const { operation, workspace, hold, signal, context } = attempt;
  const kept = await takeBack(options, attempt);
  const launched = operation.kind !== "delete" && operation.phase !== "stop" && !kept;
  if (launched && !signal.aborted) await abandon(context);
  const ending = failed(operation, workspace, {
    phase: operation.phase ?? "start",
    error,
    owed: kept ? owed.filter((row) => row.kind !== "instance") : owed,
    passing,
    kept,
    restartInMs: retryDelay(options.restartPause, workspace.restart_tries + 1, options.random()),
  });
  await options.gate.finish({ hold, ...ending });
  return { kind: "failed", error: ending.error ?? error };
}

/**
 * Where an operation that stops something has ended before any request to stop was taken, what ran runs on: its row is
 * `present` again, and its agent is heard (I14). Should the request have been carried out all the same, instance-state
 * sees it.
 * @returns true if the former instance is as it was
 */
async function takeBack(
  { gate }: SettleOptions,
  { operation, workspace, hold, tokenOf }: EndedAttempt,
): Promise<boolean> {
  if (!STOPS.has(operation.kind)) return false;
  return gate.fenced(hold, async (tx) => {
    await keepInstance(tx, { id: operation.id, workspaceId: workspace.id });
    const row = (await openResources(tx, workspace.id)).find((one) => one.kind === "instance");
    if (row?.state !== "present" || row.generation !== workspace.generation) return false;
    // One that this very restart has launched is no former one.
    if (operation.generation !== null) return false;
    const token = createHash("sha256").update(tokenOf(workspace.generation)).digest();
    await restoreToken(tx, workspace.id, token);
    return true;
  });
}

/** A launch given up leaves nothing running; what can't be stopped now stays an obligation of the ledger. */
async function abandon(context: StepContext | undefined): Promise<void> {
  try {
    if (context === undefined) return;
    await stopInstance.run(context);
    await context.flush();
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
