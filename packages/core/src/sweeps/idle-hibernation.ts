import { idleWorkspaces } from "../db/sweep-queries.js";
import { BerthError } from "../base/errors.js";
import { requestHibernate } from "../requests/suspend.js";
import { defineSweep, type Sweep } from "./sweep.js";

/**
 * Hibernates workspaces that have been idle for longer than they allow. Only an agent can tell that, so one
 * that is silent is left alone; and it is asked again with the workspace locked, since a task may have come.
 */
export const idleHibernation: Sweep = defineSweep("idle-hibernation", {
  async plan(deps, cursor) {
    const { silentMs } = deps.settings;
    const idle = await idleWorkspaces(deps.pool, silentMs, idleHibernation.limit, { after: cursor });
    return {
      lookedAt: idle.length,
      // Those that fail, however many, don't keep the others from their turn.
      cursor: idle.length === idleHibernation.limit ? idle.at(-1)!.id : null,
      actions: idle.map((one) => ({
        key: one.id,
        what: `hibernate workspace ${one.id}`,
        why: `idle for ${Math.round(one.idle_ms / 60_000)} min, and it allows ${Math.round(one.allowed_ms / 60_000)}`,
        async run() {
          try {
            await requestHibernate(deps, one.id, {
              source: "idle",
              requestedBy: idleHibernation.name,
              stillWanted: async (tx) =>
                (await idleWorkspaces(tx, silentMs, 1, { only: one.id })).length === 1,
            });
            return "hibernating";
          } catch (error) {
            if (error instanceof BerthError) return "changed";
            throw error;
          }
        },
      })),
    };
  },
});
