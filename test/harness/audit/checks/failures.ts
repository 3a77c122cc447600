import type { Check } from "../check.js";
import type { FaultLine } from "../record.js";

/** What a provider did may come to light when it is well again. */
const AFTERMATH_MS = 15_000;

export const failures: Check = {
  name: "failures",
  invariant: "I7",
  promise: "No operation fails but for its provider: whatever else breaks only delays it",
  find: ({ sql, faults }) =>
    sql.operations
      .filter(
        ({ state, created_at, finished_at }) =>
          state === "failed" &&
          !faults.some(
            (one) => isOfProvider(one) && one.at <= finished_at! && one.until + AFTERMATH_MS >= created_at,
          ),
      )
      .map(({ workspace_id, ticket, kind, finished_at, error }) => ({
        workspace: workspace_id,
        at: finished_at,
        what: `${kind} (ticket ${ticket}) failed while its provider was well: ${error?.message}`,
      })),
};

function isOfProvider({ fault }: FaultLine): boolean {
  return fault.kind === "provider" || fault.kind === "strike" || fault.link?.endsWith("-provider") === true;
}
