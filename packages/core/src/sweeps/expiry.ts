import { insertEvents } from "../db/events.js";
import { newEvent } from "../domain/events.js";
import { expiringWorkspaces, isExpired, noteExpiryNotice, type Expiring } from "../db/expiry.js";
import { transaction } from "../db/pool.js";
import { BerthError } from "../base/errors.js";
import { removeWorkspace } from "../requests/delete.js";
import { defineSweep, type Sweep, type SweepDeps } from "./sweep.js";

/**
 * Announces and then deletes workspaces whose `expires_at` passes, with their children. None is deleted by the run
 * that announces it, and each is asked for once more with its tree locked, since its time may have been put off.
 */
export const expiry: Sweep = defineSweep("expiry", {
  async plan(deps, cursor) {
    const found = await expiringWorkspaces(deps.pool, deps.settings.expiryNoticeMs, expiry.limit, cursor);
    return {
      lookedAt: found.length,
      // Those that fail, however many, don't keep the others from their turn.
      cursor: found.length === expiry.limit ? found.at(-1)!.id : null,
      actions: found.map((one) => ({
        key: `${one.id}/${one.due ? "delete" : "announce"}`,
        what: `${one.due ? "delete" : "announce the end of"} workspace ${one.id}`,
        why: `it expires at ${one.expires_at.toISOString()}`,
        run: () => (one.due ? expire(deps, one) : announce(deps, one)),
      })),
    };
  },
});

function announce(deps: SweepDeps, one: Expiring): Promise<string> {
  return transaction(deps.pool, async (tx) => {
    if (!(await noteExpiryNotice(tx, one))) return "changed";
    await insertEvents(tx, [eventOf("workspace.expiring", one)]);
    return "announced";
  });
}

async function expire(deps: SweepDeps, one: Expiring): Promise<string> {
  try {
    await removeWorkspace(deps, one.id, {
      cascade: true,
      source: "schedule",
      requestedBy: expiry.name,
      async allow(tx) {
        if (!(await isExpired(tx, one.id))) throw new BerthError("busy", "it expires later, or is removed");
        await insertEvents(tx, [eventOf("workspace.expired", one)]);
      },
    });
    return "expired";
  } catch (error) {
    if (error instanceof BerthError) return "changed";
    throw error;
  }
}

function eventOf(type: "workspace.expiring" | "workspace.expired", { id, expires_at: expiresAt }: Expiring) {
  return newEvent(type, id, { expires_at: expiresAt.toISOString() });
}
