import { acceptItem, failItem, pendingItems, type PendingItem } from "../db/bulk.js";
import { BerthError } from "../base/errors.js";
import { requestByKind, requireTenant } from "../requests/by-kind.js";
import { isOurFault } from "../requests/bulk.js";
import { defineSweep, type Sweep, type SweepDeps } from "./sweep.js";

/** How often it is tried to ask for one, before it counts as refused. */
const MAX_ATTEMPTS = 10;

/**
 * Asks for what bulk operations want of each workspace. Each is asked for under a key of its own, so that a worker that
 * dies between the request and its record has it asked for once.
 */
export const bulk: Sweep = defineSweep("bulk", {
  async plan(deps) {
    const items = await pendingItems(deps.pool, bulk.limit);
    return {
      lookedAt: items.length,
      actions: items.map((item) => ({
        key: `${item.bulk_id}/${item.workspace_id}`,
        what: `${item.kind} workspace ${item.workspace_id}`,
        why: `bulk operation ${item.bulk_id} of ${item.requested_by}`,
        run: () => carryOut(deps, item),
      })),
    };
  },
});

async function carryOut(deps: SweepDeps, item: PendingItem): Promise<string> {
  const { bulk_id: bulkId, workspace_id: workspaceId, kind, options, requested_by: requestedBy } = item;
  try {
    await requireTenant(deps, kind, workspaceId, item.tenant);
    const operation = await requestByKind(deps, { kind, ...options }, workspaceId, {
      source: "api",
      requestedBy,
      idempotency: {
        actor: "bulk",
        key: `${bulkId}/${workspaceId}`,
        requestHash: Buffer.from(bulkId),
        credential: bulkId,
        replayed: false,
      },
    });
    await acceptItem(deps.pool, item, operation?.id ?? null);
    return "accepted";
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof BerthError && !isOurFault(error)) {
      await failItem(deps.pool, item, { code: error.code, message }, true);
      return "refused";
    }
    const attempts = item.attempts + 1;
    const final = attempts >= MAX_ATTEMPTS;
    const tried = final ? `could not be asked for in ${attempts} attempts` : "could not be asked for yet";
    await failItem(
      deps.pool,
      item,
      { code: "internal", message: `it ${tried}; see the worker's log` },
      final,
    );
    throw error;
  }
}
