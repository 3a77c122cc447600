import { waitingHeads } from "../db/gate-looks.js";
import { defineSweep, type Sweep } from "./sweep.js";

const FIRST = "00000000-0000-0000-0000-000000000000";

/**
 * Sees that the first unfinished operation of each workspace has a job that will run: a crash between the
 * commit and the job, a lost wake-up or a flushed Redis leave none. Those under a living lease run; those in
 * backoff have a job that is delayed on purpose, unless it is lost. What waits behind them needs no job:
 * its turn makes one.
 */
export const dispatch: Sweep = defineSweep("dispatch", {
  async plan({ pool, dispatcher }, cursor) {
    const heads = await waitingHeads(pool, cursor ?? FIRST, dispatch.limit);
    const due = heads.filter((head) => (head.backoff_for_ms ?? 0) <= 0);
    return {
      lookedAt: heads.length,
      notes: { in_backoff: heads.length - due.length },
      cursor: heads.length < dispatch.limit ? null : heads.at(-1)!.workspace_id,
      actions: due.map((head) => ({
        key: head.operation_id,
        what: `wake the ${head.kind} of workspace ${head.workspace_id}`,
        why: "it is the next of its workspace, and nobody runs it",
        async run() {
          const woken = await dispatcher.wake({
            id: head.operation_id,
            workspace_id: head.workspace_id,
            place: head.place,
            ticket: head.ticket,
            kind: head.kind,
            max_attempts: head.max_attempts,
          });
          return woken ? "woken" : "awake";
        },
      })),
    };
  },
});
