import { dueReleases } from "../db/resources.js";
import { releaseIdle } from "./release.js";
import { defineSweep, type Sweep } from "./sweep.js";

/**
 * Whatever a failed delete or restart left in the ledger is tried again until its provider says that it is
 * gone (I7). Those tried longest ago come first, so that one that never succeeds starves none.
 */
export const removedInstances: Sweep = defineSweep("removed-instances", {
  async plan(deps) {
    const due = await dueReleases(deps.pool, removedInstances.limit);
    return {
      lookedAt: due.length,
      actions: due.map((item) => ({
        key: item.workspace_id,
        what: `release what is left of workspace ${item.workspace_id}`,
        why: "an operation that ended could not prove it gone",
        run: (signal) => releaseIdle(deps, { id: item.workspace_id, backend: item.backend }, signal),
      })),
    };
  },
});
