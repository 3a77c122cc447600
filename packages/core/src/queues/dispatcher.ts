import type { JobsOptions } from "bullmq";
import { within } from "../base/deadline.js";
import { RETRY_JITTER } from "../domain/backoff.js";
import { isEnding } from "../domain/operation.js";
import type { DispatchedOperation, Dispatcher } from "../gate/dispatcher.js";
import { BACKOFF, jobId, type OperationJob } from "./names.js";
import { createShares, type QueueLook, type WeightOf } from "./shares.js";
import { PRODUCER_LIMIT_MS, type AnyQueue, type QueueConfig, type Store } from "./store.js";

/** ioredis's states in which a command can't be sent. */
const DOWN = new Set(["close", "reconnecting", "end"]);
const FINISHED_JOBS: Pick<JobsOptions, "removeOnComplete" | "removeOnFail"> = {
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 86_400, count: 5_000 },
};

/**
 * What {@link Dispatcher} asks for, on BullMQ.
 * @param asked who has how much waiting in a place, and how much a tenant weighs
 */
export function createDispatcher(
  { operationsOf, endsOf }: Record<"operationsOf" | "endsOf", (place: string) => AnyQueue<OperationJob>>,
  store: Store,
  config: QueueConfig,
  asked: { waitingIn: (place: string) => Promise<QueueLook["waiting"]>; weightOf: WeightOf },
): Dispatcher {
  // A Redis known to be down is not waited for: each request would pay for it.
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    if (store.redis !== null && DOWN.has(store.redis.status)) throw new Error("the queue's store is down");
    return within(PRODUCER_LIMIT_MS, [], work);
  };
  const queueOf = ({ kind, place }: DispatchedOperation) => (isEnding(kind) ? endsOf : operationsOf)(place);
  const shares = new Map<string, ReturnType<typeof createShares>>();
  /** Its place among what waits: each asker has its turn. */
  const priorityOf = (operation: DispatchedOperation): number => {
    const queue = queueOf(operation);
    const known =
      shares.get(queue.name) ??
      createShares(async () => {
        const [waiting, [next]] = await Promise.all([
          asked.waitingIn(operation.place),
          ask(() => queue.getJobs(["prioritized"], 0, 0, true)),
        ]);
        return { waiting, next: next?.priority ?? 0 };
      }, asked);
    shares.set(queue.name, known);
    return known.priorityOf(operation.requested_by);
  };
  const add = async (operation: DispatchedOperation, delayMs: number): Promise<void> => {
    const data = { workspaceId: operation.workspace_id, operationId: operation.id, ticket: operation.ticket };
    await ask(() =>
      queueOf(operation).add(operation.kind, data, {
        jobId: jobId(operation.workspace_id, operation.ticket),
        delay: delayMs,
        priority: priorityOf(operation),
        attempts: operation.max_attempts,
        backoff: { type: BACKOFF, delay: config.retryDelayMs, jitter: RETRY_JITTER },
        ...FINISHED_JOBS,
      }),
    );
  };
  const promoteIn = async (queue: AnyQueue<OperationJob>, id: string): Promise<boolean> => {
    try {
      await ask(() => queue.getBackend().promote(id));
      return true;
    } catch {
      // BullMQ has one error for "not there" and "not delayed"; the caller finds out which by adding it.
      return false;
    }
  };
  return {
    add: (operation, when) => add(operation, when === "parked" ? config.parkMs : 0),
    async promote(workspaceId, ticket, place) {
      const id = jobId(workspaceId, ticket);
      return (await promoteIn(operationsOf(place), id)) || promoteIn(endsOf(place), id);
    },
    async wake(operation) {
      const id = jobId(operation.workspace_id, operation.ticket);
      const queue = queueOf(operation);
      if (await promoteIn(queue, id)) return true;
      const state = await ask(() => queue.getJobState(id));
      // A finished job whose operation isn't: its id would make the add a silent no-op.
      if (state === "completed" || state === "failed") await ask(() => queue.remove(id));
      const missing = state === "unknown" || state === "completed" || state === "failed";
      if (missing) await add(operation, 0);
      // A producer's parked add may have landed between the first promotion and this add.
      return (await promoteIn(queue, id)) || missing;
    },
  };
}
