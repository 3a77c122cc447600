import type { Check, Violation } from "../check.js";
import { containerLives, rowOfAgent, shortId, workspaceOf } from "../containers.js";
import type { RunRecord } from "../record.js";
import { misdated, RESOURCE_TAG, WORKSPACE_TAG } from "../view.js";

export const ledger: Check = {
  name: "ledger",
  invariant: "I3",
  promise: "Whatever was made had its row in the ledger before",
  find(record) {
    const rows = new Map(record.sql.resources.map((row) => [row.id, row]));
    const rowOf = rowOfAgent(record);
    const made = [
      ...record.provider.made
        .filter(({ tags }) => tags["berth:role"] !== "root")
        .map(({ at, id, tags }) => ({
          at,
          id,
          row: tags[RESOURCE_TAG] ?? "",
          workspace: tags[WORKSPACE_TAG] ?? "",
        })),
      ...containerLives(record).map(({ madeAt, id, resource, workspace }) => ({
        at: madeAt,
        id: shortId(id),
        row: resource,
        workspace,
      })),
      ...volumesMade(record),
      ...record.agents
        .filter(({ what }) => what === "start")
        .map((line) => ({
          at: line.at,
          id: `process ${line.generation}`,
          row: rowOf(line)?.id ?? "",
          workspace: line.workspace,
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

/** A container's volume tells no row, but whose it is: the first that its workspace had. */
function volumesMade({ docker, sql }: RunRecord) {
  return docker.events
    .filter(({ type, action }) => type === "volume" && action === "create")
    .map(({ at, id }) => {
      const workspace = workspaceOf(id);
      const rows = sql.resources.filter((row) => row.kind === "volume" && row.workspace_id === workspace);
      const first = rows.toSorted((a, b) => a.created_at - b.created_at)[0];
      return { at, id: `volume ${id}`, row: first?.id ?? "", workspace };
    });
}
