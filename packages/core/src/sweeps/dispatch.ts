import { waitingHeads } from "../db/gates.js";
import type { Sweep } from "./sweep.js";

const FIRST = "00000000-0000-0000-0000-000000000000";

/**
 * Sees that the first unfinished operation of each workspace has a job that will run: a crash between the
 * commit and the job, a lost wake-up or a flushed Redis leave none. Those under a living lease run; those in
 * backoff have a job that is delayed on purpose, unless it is lost. What waits behind them needs no job:
 * its turn makes one.
 */
export const dispatch: Sweep = {
  name: "dispatch",
  limit: 1_000,
  runLimitMs: 30_000,
  async runOnce({ pool, dispatcher, signal }, cursor) {
    const heads = await waitingHeads(pool, cursor ?? FIRST, dispatch.limit);
    const counts = { looked_at: heads.length, woken: 0, in_backoff: 0, failed: 0 };
    for (const head of heads) {
      signal.throwIfAborted();
      if ((head.backoff_for_ms ?? 0) > 0) {
        counts.in_backoff++;
        continue;
      }
      try {
        const woken = await dispatcher.wake({
          id: head.operation_id,
          workspace_id: head.workspace_id,
          ticket: head.ticket,
          kind: head.kind,
          max_attempts: head.max_attempts,
        });
        if (woken) counts.woken++;
      } catch {
        counts.failed++;
      }
    }
    return { counts, cursor: heads.length < dispatch.limit ? null : heads.at(-1)!.workspace_id };
  },
};
