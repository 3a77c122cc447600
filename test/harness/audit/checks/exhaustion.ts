import type { Check } from "../check.js";
import type { Operation } from "../record.js";

export const exhaustion: Check = {
  name: "exhaustion",
  invariant: "I7",
  promise: "Each operation that has failed has left its event",
  find({ sql }) {
    const told = new Set(sql.events.map(({ event_type, operation_id }) => `${event_type} ${operation_id}`));
    return sql.operations
      .filter((one) => one.state === "failed" && !told.has(`${eventOf(one)} ${one.id}`))
      .map((one) => ({
        workspace: one.workspace_id,
        at: one.finished_at,
        what: `${one.kind} (ticket ${one.ticket}) failed with ${one.error?.code}, and there is no ${eventOf(one)}`,
      }));
  },
};

function eventOf({ kind, error }: Operation): string {
  if (kind === "delete") return "workspace.delete.terminate_retry_exhausted";
  return `workspace.${kind}.${error?.code === "stop_retry_exhausted" ? "stop_retry_exhausted" : "failed"}`;
}
