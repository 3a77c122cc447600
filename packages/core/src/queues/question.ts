import type { JobsOptions } from "bullmq";
import { until, type Pace } from "../base/until.js";
import { askStore, type AnyQueue } from "./store.js";

/** What became of a question: a worker's answer or failure, or neither in time, and whether one is still at it. */
export type Reply<T> =
  | { state: "answered"; value: T | null }
  | { state: "failed"; reason: string }
  | { state: "taken" }
  | { state: "waiting" };

export interface QuestionOptions extends Pace {
  limitMs: number;
  signal: AbortSignal;
  /** What BullMQ does with the job if nobody is left to remove it. */
  kept: Pick<JobsOptions, "removeOnComplete" | "removeOnFail">;
}

/**
 * Asks whichever worker comes first, over a queue: only workers know the providers. The job is looked at until it
 * has ended, and removed whatever comes of it; one that a worker is at can't be removed, and goes as `kept` says.
 * Its value is what the worker's processor returned, which is null after one that returned nothing. A caller
 * who goes away (`signal`) ends the wait as its time limit does.
 * @throws BerthError `queues_unavailable`
 */
export async function askWorker<Data, T>(
  queue: AnyQueue<Data>,
  name: string,
  data: Data,
  { limitMs, signal, kept, ...pace }: QuestionOptions,
): Promise<Reply<T>> {
  // BullMQ types the names and data of a queue whose data is a type parameter only as unknown.
  const { id } = await askStore((queue as AnyQueue<unknown>).add(name, data, kept));
  const jobId = id!;
  try {
    const look = async (): Promise<Reply<T> | null> => {
      if (signal.aborted) return { state: "waiting" };
      const state = await askStore(queue.getJobState(jobId));
      if (state !== "completed" && state !== "failed") return null;
      const job = await askStore(queue.getJob(jobId));
      if (state === "failed") return { state, reason: job?.failedReason ?? "the reason is lost" };
      return { state: "answered", value: (job?.returnvalue ?? null) as T | null };
    };
    const reply = await until({ limitMs, ...pace }, look);
    if (reply !== null && reply.state !== "waiting") return reply;
    return { state: (await askStore(queue.getJobState(jobId))) === "active" ? "taken" : "waiting" };
  } finally {
    await queue.remove(jobId).catch(() => undefined);
  }
}
