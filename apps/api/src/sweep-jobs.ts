import { setTimeout as delay } from "node:timers/promises";
import type { SweepName } from "@berth/core/domain/sweep";
import { BerthError } from "@berth/core/base/errors";
import type { Queues } from "@berth/core/queues/queues";
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

/** How long the queues' store may take, in ms. */
const STORE_LIMIT_MS = 2_000;
const POLL_EVERY_MS = 100;
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
  const { sweeps } = queues;
  const { id } = await askStore(sweeps.add(DRY_RUN_PREFIX + name, {}, FINISHED_JOBS));
  const until = performance.now() + timeoutMs;
  while (performance.now() < until && !signal.aborted) {
    const state = await askStore(sweeps.getJobState(id!));
    if (state === "completed" || state === "failed") {
      const job = await askStore(sweeps.getJob(id!));
      if (state === "failed")
        throw new BerthError("sweep_failed", `${name}: ${job?.failedReason ?? "the reason is lost"}`);
      const answer = (job?.returnvalue ?? null) as DryRun | null;
      if (answer !== null) return answer;
      throw new BerthError("no_worker", "the worker that took it knows no dry runs; nothing was done");
    }
    await delay(POLL_EVERY_MS);
  }
  await sweeps.remove(id!).catch(() => undefined);
  throw new BerthError("no_worker", `no worker answered within ${timeoutMs / 1_000} s; nothing was done`);
}

/** Waits for the queues' store, but not for long. @throws BerthError `queues_unavailable` */
export async function askStore<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it did not answer in time")), STORE_LIMIT_MS);
  });
  try {
    return await Promise.race([work, limit]);
  } catch (error) {
    throw new BerthError("queues_unavailable", "the queues' store does not answer", {}, error);
  } finally {
    clearTimeout(timer);
  }
}
