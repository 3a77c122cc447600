import { waitingHeads } from "../db/gate-looks.js";
import { leftInLost, lostPlaces } from "../db/lost-places.js";
import type { Pool } from "../db/pool.js";
import { endSomeLost } from "../requests/lost.js";
import { defineSweep, FIRST_ID, type Action, type Sweep } from "./sweep.js";

/**
 * Sees that the first unfinished operation of each workspace has a job that will run: a crash between the
 * commit and the job, a lost wake-up or a flushed Redis leave none. Those under a living lease run; those in
 * backoff have a job that is delayed on purpose, unless it is lost. What waits behind them needs no job:
 * its turn makes one.
 */
export const dispatch: Sweep = defineSweep("dispatch", {
  async plan({ pool, dispatcher }, cursor) {
    const lost = await unfinishedLosses(pool);
    const heads = await waitingHeads(pool, cursor ?? FIRST_ID, dispatch.limit);
    const due = heads.filter((head) => (head.backoff_for_ms ?? 0) <= 0);
    return {
      lookedAt: heads.length,
      notes: { in_backoff: heads.length - due.length },
      cursor: heads.length < dispatch.limit ? null : heads.at(-1)!.workspace_id,
      actions: [
        ...lost,
        ...due.map((head) => ({
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
              requested_by: head.requested_by,
            });
            return woken ? "woken" : "awake";
          },
        })),
      ],
    };
  },
});

/** What a place that was given up still has: whoever was to end it has died before that. */
async function unfinishedLosses(pool: Pool): Promise<Action[]> {
  const places = await lostPlaces(pool);
  const left = await Promise.all(places.map(async (one) => (await leftInLost(pool, one.name, 1)).length > 0));
  return places
    .filter((_, at) => left[at])
    .map((one) => ({
      key: `lost/${one.name}`,
      what: `end what place ${one.name} had`,
      why: `it was given up by ${one.by}`,
      async run(signal) {
        while (!signal.aborted && (await endSomeLost(pool, one.name, one)) > 0);
        return "lost";
      },
    }));
}
