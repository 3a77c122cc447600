import { dueReleases } from "../db/resources.js";
import type { Sweep } from "./sweep.js";

/**
 * Whatever a failed delete or restart left in the ledger is tried again until its provider says that it is
 * gone (I7). Those tried longest ago come first, so that one that never succeeds starves none.
 */
export const removedInstances: Sweep = {
  name: "removed-instances",
  limit: 100,
  runLimitMs: 120_000,
  async runOnce({ pool, release, signal }) {
    const due = await dueReleases(pool, removedInstances.limit);
    const counts = { looked_at: due.length, released: 0, busy: 0, failed: 0 };
    const one = async (item: (typeof due)[number]): Promise<void> => {
      // One that can't even be tried is the next run's, and no reason to leave the others.
      const outcome = await release({ id: item.workspace_id, backend: item.backend }, signal).catch(
        () => "failed" as const,
      );
      counts[outcome]++;
    };
    const lanes = Array.from({ length: LANES }, async () => {
      for (let item = due.shift(); item !== undefined && !signal.aborted; item = due.shift()) await one(item);
    });
    await Promise.all(lanes);
    return { counts, cursor: null };
  },
};

/** How many workspaces one run works on at once: one that hangs until its time limit delays few. */
const LANES = 8;
