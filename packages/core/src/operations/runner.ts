import { createHmac } from "node:crypto";
import { untilAny } from "../base/deadline.js";
import type { Logger } from "../base/logger.js";
import { traced } from "../base/tracing.js";
import type { Backend, CallPriority } from "../compute/backend.js";
import { BackendError } from "../compute/backend-error.js";
import type { Hold } from "../db/gates.js";
import type { Operation } from "../db/operations.js";
import { together } from "../db/pool.js";
import { openResources } from "../db/resources.js";
import { waitedFor } from "../db/waits.js";
import { getWorkspace, type Workspace } from "../db/workspaces.js";
import { hasCompute } from "../domain/backend.js";
import type { Policy } from "../domain/policy.js";
import { statusAfter } from "../domain/operation.js";
import { succeeded } from "../gate/endings.js";
import type { Claimed } from "../gate/gate.js";
import type { HeldLease, LeaseKeeper } from "../gate/lease.js";
import { AttemptTimeoutError, CancelledError, judge, LeaseLostError } from "../gate/verdict.js";
import { planOf } from "./plans.js";
import { heldContext } from "./held.js";
import { HeldLedger } from "./held-ledger.js";
import { requireReady } from "./ready.js";
import { recordingOf, type Recording } from "./recording.js";
import { settle, type Outcome, type SettleOptions } from "./settle.js";
import type { LifecycleLimits, SecretSources, Step, StepContext } from "./step.js";

/** For so long an operation waits in its slot for what its provider has begun: giving it back costs more. */
const HELD_MS = 1_000;

export interface RunnerOptions extends SettleOptions {
  leases: LeaseKeeper;
  /** Those that this worker serves, by the name of their place. */
  backends: ReadonlyMap<string, Backend>;
  limits: LifecycleLimits;
  /** Time limit of one attempt, in ms. */
  attemptTimeoutMs: number;
  /** How many times crashed workers may have left one operation before it counts as the cause. */
  maxTakeovers: number;
  /** What workspace tokens are derived from; the same in all workers of a deployment. */
  secret: string;
  secretSources: SecretSources;
  /** What containers are kept by; absent: their specs alone. */
  policy?: Policy;
  logger: Logger;
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
  const [workspace, things] = await together(options.pool, (db) =>
    Promise.all([getWorkspace(db, operation.workspace_id), openResources(db, operation.workspace_id)]),
  );
  if (workspace === null) return { kind: "lost" };
  const logger = options.logger.child({
    operation: operation.id,
    workspace: workspace.id,
    kind: operation.kind,
    attempt: operation.attempt,
    fence: hold.fence,
  });
  let context: StepContext | undefined;
  const recording = recordingOf(options, operation, hold);
  const source = { db: options.pool, workspaceId: workspace.id, flush: recording.flushWrites };
  const ledger = new HeldLedger(source, things);
  try {
    if (operation.cancel_requested_at !== null) throw new CancelledError("its cancellation was asked for");
    requireFewTakeovers(options, operation);
    context = makeContext(options, attempt, workspace, { recording, ledger });
    // Before what runs is stopped for it.
    if (operation.phase === null && statusAfter(operation.kind) === "online" && hasCompute(workspace.backend))
      await requireReady(context);
    const running = context;
    for (const step of stepsOf(operation, workspace)) {
      context.check();
      await recording.enter(step);
      options.onStep?.(operation, step.name, "before");
      await traced(`step ${step.name}`, {}, () => step.run(running));
      options.onStep?.(operation, step.name, "after");
    }
    await recording.flushWrites();
    await options.gate.finish({ hold, ...succeeded(operation, workspace) });
    return { kind: "succeeded" };
  } catch (thrown) {
    const verdict = judge(thrown, signal);
    if (verdict.kind === "waiting")
      logger.debug({ phase: operation.phase, waitsFor: verdict.waitsFor }, "waiting");
    else
      logger[verdict.kind === "failed" ? "warn" : "info"](
        { err: thrown, phase: operation.phase },
        verdict.kind,
      );
    try {
      if (verdict.kind !== "lost") await recording.flush();
      const tokenOf = tokensOf(options, workspace.id);
      return await settle(options, { operation, workspace, hold, signal, context, tokenOf }, verdict);
    } catch (error) {
      // Nothing could be recorded: the lease runs out, and whoever claims next goes on from the ledger.
      if (!(error instanceof LeaseLostError))
        logger.warn({ err: error }, "the attempt's end wasn't recorded");
      return { kind: "lost" };
    }
  }
}

/** All of its plan; where it has waited for its provider, what is left from the step that did. */
function stepsOf(operation: Operation, workspace: Workspace): readonly Step[] {
  const plan = planOf(operation.kind, workspace.backend);
  const at = operation.waiting_since === null ? 0 : plan.findIndex(({ name }) => name === operation.phase);
  return plan.slice(Math.max(at, 0));
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

function makeContext(
  options: RunnerOptions,
  attempt: Attempt,
  workspace: Workspace,
  { recording, ledger }: { recording: Recording; ledger: HeldLedger },
): StepContext {
  const { operation, hold, lease, signal } = attempt;
  return {
    ...heldContext(options, { workspaceId: workspace.id, place: workspace.place, hold, lease, signal }),
    ledger,
    fenced: recording.fenced,
    later: async (write) => recording.later(write),
    flush: recording.flushWrites,
    operationId: operation.id,
    operation,
    workspace,
    priority: priorityOf(operation),
    secretSources: options.secretSources,
    askedSecrets: new Map(),
    policy: options.policy ?? null,
    patience: {
      heldMs: operation.waiting_since === null ? HELD_MS : 0,
      waitedMs: (waitsFor) => waitedFor(options.pool, operation.id, waitsFor),
    },
    tokenOf: tokensOf(options, workspace.id),
  };
}

function tokensOf({ secret, limits }: RunnerOptions, workspaceId: string): (generation: number) => string {
  return (generation) =>
    createHmac("sha256", secret)
      .update(`${limits.deploymentId}/${workspaceId}/${generation}`)
      .digest("base64url");
}
