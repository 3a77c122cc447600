import { setTimeout as delay } from "node:timers/promises";
import { DelayedError, Worker, type WorkerOptions } from "bullmq";
import { within } from "../base/deadline.js";
import type { AnyJob } from "./names.js";
import { openStore, type QueueConfig } from "./store.js";

/** How often a worker whose store refused its first connection tries again, in ms. */
const RECONNECT_EVERY_MS = 1_000;

/**
 * A worker of one queue. Its `error` events go to `onError`. `close` begins nothing more, and waits for its jobs for at
 * most `limitMs`: a store that is down must not keep the process.
 */
export function openWorker<Data>(
  config: QueueConfig,
  name: string,
  processor: (
    job: AnyJob<Data>,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ) => Promise<unknown>,
  options: Partial<WorkerOptions> & { onError: (error: Error) => void },
): { close(limitMs: number): Promise<void> } {
  const { onError, ...rest } = options;
  const store = openStore(config, "worker", onError);
  const closing = new AbortController();
  // BullMQ's worker still takes the job that wakes it while it is being closed. Another one carries that out.
  const process: typeof processor = async (job, token, signal) => {
    if (!closing.signal.aborted) return processor(job, token, signal);
    await job.moveToDelayed(Date.now(), token);
    throw new DelayedError();
  };
  const make = () => {
    const worker = new Worker(
      name,
      process as never,
      { connection: store.connection, ...store.options, ...rest, autorun: store.redis !== null },
      store.factory,
    );
    worker.on("error", onError);
    return worker;
  };
  let worker = make();
  // BullMQ's PostgreSQL store remembers a first connection that failed for ever, and its worker then spins
  // without yielding: such a worker is made anew until one has connected, and only that one runs.
  const runOnceConnected = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await worker.waitUntilReady();
        if (!closing.signal.aborted) void worker.run().catch(onError);
        return;
      } catch (error) {
        onError(error as Error);
        await worker.close(true).catch(onError);
        await delay(RECONNECT_EVERY_MS, undefined, { signal: closing.signal }).catch(() => undefined);
        if (!closing.signal.aborted) worker = make();
      }
    }
  };
  const running = store.redis === null ? runOnceConnected() : Promise.resolve();
  return {
    async close(limitMs) {
      closing.abort();
      // One that is closed while it connects would leave what it then opens.
      await within(limitMs, [], () => running.then(() => worker.close())).catch(onError);
      store.redis?.disconnect();
    },
  };
}
