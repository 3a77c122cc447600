import { createHmac } from "node:crypto";
import { untilAny } from "../base/deadline.js";
import type { Logger } from "../base/logger.js";
import { BackendError, type Backend, type CallPriority } from "../compute/backend.js";
import type { Hold } from "../db/gates.js";
import { getOperation, setPhase, type Operation, type OperationError } from "../db/operations.js";
import type { Pool, Tx } from "../db/pool.js";
import { openResources, recordReleaseFailure, type OpenResource } from "../db/resources.js";
import { getWorkspace, type Workspace } from "../db/workspaces.js";
import { retryDelay, type RetryPolicy } from "../domain/backoff.js";
import { cancelled, failed, succeeded } from "../gate/endings.js";
import type { Claimed, Finish, Gate } from "../gate/gate.js";
import type { HeldLease, LeaseKeeper } from "../gate/lease.js";
import { AttemptTimeoutError, CancelledError, judge, LeaseLostError } from "../gate/verdict.js";
import { planOf } from "./plans.js";
import { heldContext } from "./held.js";
import type { LifecycleLimits, StepContext } from "./step.js";
import { stopInstance } from "./stop.js";

/** How one attempt of an operation ended. */
export type Outcome =
  | { kind: "succeeded" | "cancelled" }
  | { kind: "failed"; error: OperationError }
  | { kind: "retry"; error: OperationError; delayMs: number }
  | { kind: "handed_back" | "lost" };

export interface RunnerOptions {
  pool: Pool;
  gate: Gate;
  leases: LeaseKeeper;
  /** Those that this worker serves. */
  backends: ReadonlyMap<string, Backend>;
  limits: LifecycleLimits;
  retry: RetryPolicy;
  /** Time limit of one attempt, in ms. */
  attemptTimeoutMs: number;
  /** How many times crashed workers may have left one operation before it counts as the cause. */
  maxTakeovers: number;
  /** What workspace tokens are derived from; the same in all workers of a deployment. */
  secret: string;
  logger: Logger;
  random: () => number;
  /** Called around each step; tests end the process here. */
  onStep?: ((operation: Operation, step: string, moment: "before" | "after") => void) | undefined;
}

/** Runs claimed operations. `shutdown` aborts with a ShutdownError when the process must end. */
export function createRunner(
  options: RunnerOptions,
): (claimed: Claimed, shutdown: AbortSignal) => Promise<Outcome> {
  return async ({ operation, hold, claimedAt }, shutdown) => {
    const lease = options.leases.keep(hold, claimedAt);
    const timeout = new AbortController();
    const timer = setTimeout(() => {
      const seconds = Math.round(options.attemptTimeoutMs / 1000);
      timeout.abort(new AttemptTimeoutError(`the attempt took longer than ${seconds} s`));
    }, options.attemptTimeoutMs);
    try {
      return await untilAny([lease.signal, shutdown, timeout.signal], (signal) =>
        runAttempt(options, { operation, hold, lease, signal }),
      );
    } finally {
      clearTimeout(timer);
      lease.drop();
    }
  };
}

interface Attempt {
  operation: Operation;
  hold: Hold;
  lease: HeldLease;
  signal: AbortSignal;
}

async function runAttempt(options: RunnerOptions, attempt: Attempt): Promise<Outcome> {
  const { operation, hold, signal } = attempt;
  const workspace = await getWorkspace(options.pool, operation.workspace_id);
  if (workspace === null) return { kind: "lost" };
  const logger = options.logger.child({
    operation: operation.id,
    workspace: workspace.id,
    kind: operation.kind,
    attempt: operation.attempt,
    fence: hold.fence,
  });
  let context: StepContext | undefined;
  try {
    if (operation.cancel_requested_at !== null) throw new CancelledError("its cancellation was asked for");
    requireFewTakeovers(options, operation);
    context = makeContext(options, attempt, workspace);
    for (const step of planOf(operation.kind, workspace.backend)) {
      context.check();
      operation.phase = step.name;
      if (!(await setPhase(options.pool, hold, step.name)))
        throw new LeaseLostError("the gate is held by another worker");
      options.onStep?.(operation, step.name, "before");
      await step.run(context);
      options.onStep?.(operation, step.name, "after");
    }
    await options.gate.finish({ hold, ...succeeded(operation, workspace) });
    return { kind: "succeeded" };
  } catch (thrown) {
    const verdict = judge(thrown, signal);
    logger[verdict.kind === "failed" ? "warn" : "info"](
      { err: thrown, phase: operation.phase },
      verdict.kind,
    );
    try {
      return await settle(options, attempt, { workspace, context, verdict });
    } catch (error) {
      // Nothing could be recorded: the lease runs out, and whoever claims next goes on from the ledger.
      if (!(error instanceof LeaseLostError))
        logger.warn({ err: error }, "the attempt's end wasn't recorded");
      return { kind: "lost" };
    }
  }
}

/** Records how an attempt ended that didn't succeed. @throws LeaseLostError, or the database's error */
async function settle(
  options: RunnerOptions,
  { operation, hold, signal }: Attempt,
  {
    workspace,
    context,
    verdict,
  }: { workspace: Workspace; context: StepContext | undefined; verdict: ReturnType<typeof judge> },
): Promise<Outcome> {
  const finish = (ending: Omit<Finish, "hold">) => options.gate.finish({ hold, ...ending });
  switch (verdict.kind) {
    case "lost":
      return { kind: "lost" };
    case "handed_back":
      await options.gate.handBack(hold);
      return { kind: "handed_back" };
    case "cancelled":
      // Asked for by someone, or by a delete meanwhile: only the row knows.
      await finish(
        cancelled(operation, (await getOperation(options.pool, operation.id))?.cancel_requested_by ?? null),
      );
      return { kind: "cancelled" };
    case "failed": {
      const delayMs = retryDelay(options.retry, operation.attempt, options.random());
      const owed = await options.gate.fenced(hold, (tx) =>
        noteReleaseFailure(tx, operation, verdict.error, delayMs),
      );
      if (!verdict.permanent && operation.attempt < operation.max_attempts) {
        await options.gate.retryLater(hold, verdict.error, delayMs);
        return { kind: "retry", error: verdict.error, delayMs };
      }
      if (operation.kind !== "delete" && operation.phase !== "stop" && !signal.aborted)
        await abandon(context);
      const ending = failed(operation, {
        phase: operation.phase ?? "start",
        error: verdict.error,
        instanceId: workspace.instance_id,
        owed,
      });
      await finish(ending);
      return { kind: "failed", error: ending.error ?? verdict.error };
    }
  }
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

function requireFewTakeovers(options: RunnerOptions, operation: Operation): void {
  if (operation.takeovers > options.maxTakeovers)
    throw new BackendError(
      "backend_failed",
      "permanent",
      `${operation.takeovers} workers in a row ended while they ran this operation, last at "${operation.phase ?? "start"}"`,
      { providerCode: "worker_crashes" },
    );
}

/** Whoever waits goes first; what a sweep asked for comes last. */
function priorityOf({ kind, source }: Operation): CallPriority {
  if (kind === "delete") return "delete";
  return source === "api" || source === "cascade" ? "user" : "reconcile";
}

function makeContext(options: RunnerOptions, attempt: Attempt, workspace: Workspace): StepContext {
  const { operation, hold, lease, signal } = attempt;
  return {
    ...heldContext(options, { workspaceId: workspace.id, backend: workspace.backend, hold, lease, signal }),
    operationId: operation.id,
    operation,
    workspace,
    priority: priorityOf(operation),
    tokenOf: (generation) =>
      createHmac("sha256", options.secret)
        .update(`${options.limits.deploymentId}/${workspace.id}/${generation}`)
        .digest("base64url"),
  };
}
