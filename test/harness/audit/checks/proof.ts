import type { Check, Violation } from "../check.js";
import { misdated, RESOURCE_TAG } from "../view.js";

/** A volume that is being deleted can't be used any more. */
const OVER: readonly string[] = ["terminated", "deleting", "deleted"];

export const proof: Check = {
  name: "proof",
  invariant: "I4",
  promise: "The ledger says that something is gone only after it was, by the provider's log",
  find(record) {
    const { sql, provider, agents } = record;
    const over = new Map<string, number>();
    for (const { id, to, at } of provider.changes) if (OVER.includes(to) && !over.has(id)) over.set(id, at);
    const rows = new Map(sql.resources.map((row) => [row.id, row]));
    const found: Violation[] = [];
    for (const { id, tags } of provider.made) {
      const row = rows.get(tags[RESOURCE_TAG] ?? "");
      if (tags["berth:role"] === "root" || row === undefined || row.gone_at === null) continue;
      if ((over.get(id) ?? Infinity) > row.gone_at + misdated(record, row.gone_at))
        found.push({
          workspace: row.workspace_id,
          at: row.gone_at,
          what: `${id} is gone in the ledger, and wasn't at its provider`,
        });
    }
    for (const { workspace, resource, generation, at } of agents) {
      const goneAt = rows.get(resource)?.gone_at ?? Infinity;
      if (goneAt + misdated(record, goneAt) < at)
        found.push({
          workspace,
          at,
          what: `the process of generation ${generation} is gone in the ledger, and still writes`,
        });
    }
    return found;
  },
};
