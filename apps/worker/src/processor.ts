import { DelayedError, UnrecoverableError } from "bullmq";
import { traced } from "@berth/core/base/tracing";
import type { Gate } from "@berth/core/gate/gate";
import type { createRunner } from "@berth/core/operations/runner";
import type { AnyJob, OperationJob } from "@berth/core/queues/names";
import { isDatabaseUnavailable } from "@berth/core/db/pool";

/** An attempt failed and the gate has recorded when the next one is due: BullMQ waits just as long. */
export class RetryError extends Error {
  readonly delayMs: number;

  constructor(message: string, delayMs: number) {
    super(message);
    this.name = "RetryError";
    this.delayMs = delayMs;
  }
}

export interface ProcessorOptions {
  gate: Gate;
  run: ReturnType<typeof createRunner>;
  /** Aborts, with a ShutdownError, when the grace time of this process is over. */
  shutdown: AbortSignal;
  /** Whose queue it is; null: the one that has those of all places. */
  place: string | null;
  /** True while this worker serves the place. */
  serves(place: string): boolean;
  /** How long a job that must wait for its turn is parked at most, in ms. */
  parkMs: number;
}

const DATABASE_PAUSE_MS = 1_000;
/** An attempt that met a database that is down, or another place than the one meant, is made once more after this. */
const HANDED_BACK_MS = 1_000;
/** How long another worker has to take what this one can't carry out, before it looks again. */
const ELSEWHERE_MS = 2_000;
/** Added to a wait for another's lease or for the next look, which ends by the database's clock and not by ours. */
const CLOCK_MARGIN_MS = 25;
/** Its turn has come and nothing holds it, yet it couldn't be claimed: the gate is paused, or was just freed. */
const PAUSED_GATE_MS = 250;

/**
 * Carries one job: claims its operation, runs it, and lets the next one of its group in. A job whose turn
 * hasn't come parks itself and spends no attempt.
 */
export function createProcessor(options: ProcessorOptions) {
  return async (job: AnyJob<OperationJob>, token: string | undefined): Promise<unknown> => {
    try {
      return await process(options, job, token);
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
      return park(job, token, DATABASE_PAUSE_MS);
    }
  };
}

async function process(
  options: ProcessorOptions,
  job: AnyJob<OperationJob>,
  token: string | undefined,
): Promise<unknown> {
  const { workspaceId, ticket } = job.data;
  if (options.shutdown.aborted) return park(job, token, 0);
  const claimed = await options.gate.claim(workspaceId, ticket);
  if (claimed === null) return wait(options, job, token);
  const { id, kind, attempt } = claimed.operation;
  const attributes = {
    "berth.operation.id": id,
    "berth.workspace.id": workspaceId,
    "berth.operation.attempt": attempt,
  };
  const outcome = await traced(`operation ${kind}`, attributes, () => options.run(claimed, options.shutdown));
  switch (outcome.kind) {
    case "succeeded":
    case "cancelled":
      return outcome.kind;
    case "failed":
      throw new UnrecoverableError(`${outcome.error.code}: ${outcome.error.message}`);
    case "retry":
      throw new RetryError(`${outcome.error.code}: ${outcome.error.message}`, outcome.delayMs);
    case "waiting":
      return park(job, token, outcome.delayMs + CLOCK_MARGIN_MS);
    case "handed_back":
      return park(job, token, options.shutdown.aborted ? 0 : HANDED_BACK_MS);
    case "lost":
      return wait(options, job, token);
  }
}

/** The operation can't be claimed: ended already, not its turn, under another's lease, or in backoff. */
async function wait(
  options: ProcessorOptions,
  job: AnyJob<OperationJob>,
  token: string | undefined,
): Promise<unknown> {
  const { workspaceId, ticket } = job.data;
  const look = await options.gate.look(workspaceId, ticket);
  if (look === null) return "purged";
  if (look.finished) {
    // Whoever ended it may have died before it woke the next one. What is lost here the sweep mends.
    if (look.next_ticket !== null)
      await options.gate.wake(workspaceId, look.next_ticket, look.place).catch(() => undefined);
    return "ended before";
  }
  if (!options.serves(look.place)) {
    if (look.place === options.place) return park(job, token, ELSEWHERE_MS);
    // Those who serve it take it from the queue of its place.
    await options.gate.wake(workspaceId, ticket, null);
    return "moved to the queue of its place";
  }
  const due = Math.max(look.leased_for_ms ?? 0, look.backoff_for_ms ?? 0);
  if (look.is_next) return park(job, token, due > 0 ? due + CLOCK_MARGIN_MS : PAUSED_GATE_MS);
  await job.moveToDelayed(Date.now() + options.parkMs, token);
  // Its turn may have come, and its wake-up met it awake, before it was parked.
  const again = await options.gate.look(workspaceId, ticket).catch(() => null);
  if (again?.is_next === true) await job.promote().catch(() => undefined);
  throw new DelayedError();
}

async function park(job: AnyJob<OperationJob>, token: string | undefined, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}
