import type { Check, Violation } from "../check.js";
import { misdated, RESOURCE_TAG, WORKSPACE_TAG } from "../view.js";

export const ledger: Check = {
  name: "ledger",
  invariant: "I3",
  promise: "Whatever was made had its row in the ledger before",
  find(record) {
    const rows = new Map(record.sql.resources.map((row) => [row.id, row]));
    const made = [
      ...record.provider.made
        .filter(({ tags }) => tags["berth:role"] !== "root")
        .map(({ at, id, tags }) => ({
          at,
          id,
          row: tags[RESOURCE_TAG] ?? "",
          workspace: tags[WORKSPACE_TAG] ?? "",
        })),
      ...record.agents
        .filter(({ what }) => what === "start")
        .map(({ at, workspace, generation, resource }) => ({
          at,
          id: `process ${generation}`,
          row: resource,
          workspace,
        })),
    ];
    return made.flatMap(({ at, id, row, workspace }): Violation[] => {
      const found = rows.get(row);
      if (found !== undefined && found.created_at <= at + misdated(record, found.created_at)) return [];
      const when = found === undefined ? "never" : `${found.created_at - at} ms later`;
      return [{ workspace, at, what: `${id} was made, and its row in the ledger was written ${when}` }];
    });
  },
};
