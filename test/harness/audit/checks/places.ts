import type { Check, Violation } from "../check.js";
import { RESOURCE_TAG, WORKSPACE_TAG } from "../view.js";

export const places: Check = {
  name: "places",
  invariant: "I12",
  promise: "Whatever is made is in the account and Region of the place that its row of the ledger names",
  find({ about, sql, provider }) {
    const rows = new Map(sql.resources.map((row) => [row.id, row]));
    return provider.made.flatMap(({ id, at, tags, where }): Violation[] => {
      const row = rows.get(tags[RESOURCE_TAG] ?? "");
      const meant = row === undefined ? undefined : about.places[row.place];
      if (row === undefined || meant === where) return [];
      const what = `${id} was made in ${where}, and is of place ${row.place}, which is ${meant ?? "not at EC2"}`;
      return [{ workspace: tags[WORKSPACE_TAG] ?? null, at, what }];
    });
  },
};
