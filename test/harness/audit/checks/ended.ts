import type { Check } from "../check.js";

export const ended: Check = {
  name: "ended",
  invariant: "I7",
  promise: "Every operation has ended, and every gate is at rest",
  find: ({ sql }) => [
    ...sql.operations
      .filter(({ state }) => state === "queued" || state === "running")
      .map((one) => ({
        workspace: one.workspace_id,
        at: one.created_at,
        what: `${one.kind} (ticket ${one.ticket}) is still ${one.state}, in attempt ${one.attempt}`,
      })),
    ...sql.gates
      .filter(({ head, tail, owner }) => head !== tail || owner !== null)
      .map(({ workspace_id, head, tail, owner }) => ({
        workspace: workspace_id,
        at: null,
        what: `its gate is at ${head} of ${tail}, held by ${owner ?? "nobody"}`,
      })),
  ],
};
