import { insertEvents } from "../db/events.js";
import { newEvent } from "../domain/events.js";
import { lockGates } from "../db/gates.js";
import {
  getLeak,
  listLeaks as listRows,
  makeDue,
  markReleased,
  type Leak,
  type LeakPosition,
} from "../db/leaks.js";
import type { Pool, Queryable, Tx } from "../db/pool.js";
import { openResources } from "../db/resources.js";
import { clearInstance } from "../db/workspaces.js";
import { DEFAULT_PRICES, priceOf, type Prices } from "../domain/prices.js";
import { BerthError } from "../base/errors.js";
import { acceptIdempotently, type Asker } from "./idempotency.js";

/** A leak with what it costs, roughly; null if the table of prices doesn't tell. */
export type PricedLeak = Leak & { cost_per_hour: number | null };

/** Each open obligation of the ledger and each unclaimed thing, those that are to go for longest first. */
export async function listLeaks(
  db: Queryable,
  options: { prices?: Prices; limit?: number; after?: LeakPosition; underWay?: boolean } = {},
): Promise<(PricedLeak & Pick<LeakPosition, "micros">)[]> {
  const { prices = DEFAULT_PRICES, limit = 1_000, ...position } = options;
  return (await listRows(db, { limit, ...position })).map((leak) => ({
    ...leak,
    cost_per_hour: priceOf(prices, leak),
  }));
}

/** Has it tried again at the next run of its sweep. @throws BerthError `leak_not_found` */
export async function retryLeak(pool: Pool, id: string, asker: Asker): Promise<Leak> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const leak = await requireLeak(tx, id);
    await makeDue(tx, leak);
    await insertEvents(tx, [
      newEvent("workspace.leak.retry_requested", leak.workspace_id, {
        ...payloadOf(leak),
        requested_by: asker.requestedBy,
      }),
    ]);
    return requireLeak(tx, id);
  });
}

/**
 * Takes a person's word that it is handled. The ledger then claims it no more: a thing that is still there
 * turns up as unclaimed, so a wrong word costs nothing.
 * @throws BerthError `leak_not_found`; `busy` while an operation of its workspace is unfinished or held, or for a
 * volume whose instance isn't gone (I8).
 */
export async function releaseLeak(pool: Pool, id: string, asker: Asker, why: string): Promise<Leak> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const leak = await requireLeak(tx, id);
    const by = asker.requestedBy;
    if (leak.source === "obligation") await requireIdle(tx, leak);
    await markReleased(tx, leak, { by, why });
    if (leak.source === "obligation" && leak.kind === "instance") await clearInstance(tx, leak.workspace_id!);
    const payload = { ...payloadOf(leak), requested_by: by, why };
    await insertEvents(tx, [newEvent("workspace.leak.released", leak.workspace_id, payload)]);
    return leak;
  });
}

async function requireIdle(tx: Tx, leak: Leak): Promise<void> {
  const workspaceId = leak.workspace_id!;
  const [gate] = await lockGates(tx, [workspaceId]);
  if (gate !== undefined && (gate.head < gate.tail || gate.leased))
    throw new BerthError("busy", `workspace ${workspaceId} is being worked on: it may go by itself`, {
      workspace_id: workspaceId,
    });
  const rows = await openResources(tx, workspaceId);
  if (leak.kind === "volume" && rows.some((row) => row.kind === "instance"))
    throw new BerthError("busy", "its instance isn't gone: release that first", {
      workspace_id: workspaceId,
    });
}

async function requireLeak(tx: Tx, id: string): Promise<Leak> {
  const leak = await getLeak(tx, id);
  if (leak === null) throw new BerthError("leak_not_found", `there is no leak ${id}`, { leak_id: id });
  return leak;
}

function payloadOf({ id, source, backend, kind, provider_id, name }: Leak) {
  return { leak_id: id, source, backend, kind, provider_id, name };
}
