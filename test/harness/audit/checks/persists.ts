import type { Check } from "../check.js";
import { byWorkspace } from "../view.js";

const OWN: readonly string[] = ["reconciler", "liveness"];

export const persists: Check = {
  name: "persists",
  invariant: "I14",
  promise: "A restart that Berth itself began is never given up for a cause that passes",
  find: ({ sql }) => {
    const operations = byWorkspace(sql.operations, (one) => one.workspace_id);
    return sql.workspaces.flatMap(({ id, status }) => {
      const last = (operations.get(id) ?? []).toSorted((a, b) => a.ticket - b.ticket).at(-1);
      if (status !== "failed" || last === undefined || !OWN.includes(last.source)) return [];
      if (last.state !== "failed" || last.error?.code !== "capacity") return [];
      const what = `it is failed, since the restart by ${last.source} found no capacity: ${last.error.message}`;
      return [{ workspace: id, at: last.finished_at, what }];
    });
  },
};
