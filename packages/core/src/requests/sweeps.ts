import { BerthError } from "../base/errors.js";
import { insertEvents } from "../db/events.js";
import type { Pool } from "../db/pool.js";
import { approveHeld, setPaused, type Approval } from "../db/sweeps.js";
import { acceptIdempotently, type Asker } from "./idempotency.js";

/** Lets the acts that the breaker holds now run, in each place or in the one given. @throws BerthError `nothing_held` */
export async function approveSweep(
  pool: Pool,
  { name, place }: { name: string; place: string | null },
  asker: Asker,
): Promise<Approval> {
  const by = asker.requestedBy;
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const approval = await approveHeld(tx, name, place, by);
    if (approval === null)
      throw new BerthError("nothing_held", `the breaker holds nothing of ${name}`, { sweep: name });
    await insertEvents(tx, [
      {
        event_type: "sweep.approved",
        workspace_id: null,
        payload: {
          sweep: name,
          ...(place === null ? {} : { place }),
          requested_by: by,
          acts: approval.keys.length,
        },
      },
    ]);
    return approval;
  });
}

/** Stops a sweep on all workers from its next run on, or lets it run again. */
export async function pauseSweep(pool: Pool, name: string, paused: boolean, asker: Asker): Promise<void> {
  const by = asker.requestedBy;
  await acceptIdempotently(pool, null, asker, async (tx) => {
    await setPaused(tx, name, paused, by);
    await insertEvents(tx, [
      {
        event_type: paused ? "sweep.paused" : "sweep.resumed",
        workspace_id: null,
        payload: { sweep: name, requested_by: by },
      },
    ]);
  });
}
