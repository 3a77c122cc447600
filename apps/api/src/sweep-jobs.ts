import type { SweepName } from "@berth/core/domain/sweep";
import { BerthError } from "@berth/core/base/errors";
import type { Queues } from "@berth/core/queues/producer";
import { askWorker } from "@berth/core/queues/question";
import { askStore } from "@berth/core/queues/store";
import type { Intent } from "@berth/core/db/sweeps";

/** What a worker answers a dry run with. */
export interface DryRun {
  looked_at: number;
  would_hold: boolean;
  actions: Intent[];
}

/**
 * The job of a dry run. A name of its own and no flag in the data: a worker that doesn't know it does
 * nothing, where it would overlook a flag and act.
 */
export const DRY_RUN_PREFIX = "dry-run ";

const PACE = { firstMs: 50, longestMs: 100 };
const FINISHED_JOBS = { removeOnComplete: 100, removeOnFail: 100 };

/**
 * Asks the workers to run a sweep now. While one that was asked for waits, that one serves this call too.
 * @returns the id of the job. @throws BerthError `queues_unavailable`
 */
export async function askForRun(queues: Queues, name: SweepName): Promise<string> {
  const deduplication = { id: `asked-${name}` };
  const job = await askStore(queues.sweeps.add(name, {}, { ...FINISHED_JOBS, deduplication }));
  return job.id!;
}

/**
 * Has a worker say what a sweep would do now: only workers know the providers. Nothing is changed, so one
 * that isn't answered in time is given up.
 * @throws BerthError `queues_unavailable`, `no_worker`, `sweep_failed`
 */
export async function askForDryRun(
  queues: Queues,
  name: SweepName,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<DryRun> {
  const reply = await askWorker<Record<string, never>, DryRun>(
    queues.sweeps,
    DRY_RUN_PREFIX + name,
    {},
    { limitMs: timeoutMs, signal, kept: FINISHED_JOBS, ...PACE },
  );
  if (reply.state === "failed") throw new BerthError("sweep_failed", `${name}: ${reply.reason}`);
  if (reply.state !== "answered")
    throw new BerthError("no_worker", `no worker answered within ${timeoutMs / 1_000} s; nothing was done`);
  if (reply.value !== null) return reply.value;
  throw new BerthError("no_worker", "the worker that took it knows no dry runs; nothing was done");
}
