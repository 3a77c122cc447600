import type { Check } from "../check.js";
import { type FaultLine, HANGING, HOSTILE, type Operation, type RunRecord } from "../record.js";
import { instanceLives, type Life } from "../view.js";

/** What a provider did may come to light when it is well again. */
const AFTERMATH_MS = 15_000;

export const failures: Check = {
  name: "failures",
  invariant: "I7",
  promise: "No operation fails but for its own provider: whatever else breaks only delays it",
  find(record) {
    const lives = instanceLives(record);
    const hostile = new Set(
      record.sql.workspaces.filter(({ name }) => name.startsWith(HOSTILE)).map(({ id }) => id),
    );
    return record.sql.operations
      .filter(
        (one) =>
          one.state === "failed" &&
          !hostile.has(one.workspace_id) &&
          !record.faults.some((fault) => excuses(record, lives, fault, one)),
      )
      .map(({ workspace_id, ticket, kind, finished_at, error }) => ({
        workspace: workspace_id,
        at: finished_at,
        what: `${kind} (ticket ${ticket}) failed while its provider was well: ${error?.message}`,
      }));
  },
};

function excuses({ sql }: RunRecord, lives: readonly Life[], line: FaultLine, operation: Operation): boolean {
  const { fault, struck, at, until } = line;
  const { workspace_id, created_at, finished_at } = operation;
  if (at > finished_at!) return false;
  // A volume that is gone is gone for good.
  if (prunedFor(line, operation)) return true;
  if (until + AFTERMATH_MS < created_at) return false;
  const own = struck?.workspace === workspace_id || struck?.instance.includes(`/${workspace_id}/`) === true;
  const { backend, name } = sql.workspaces.find(({ id }) => id === workspace_id) ?? {};
  if (name?.startsWith(HANGING) === true) return fault.kind === "registry";
  if (backend === "docker") return own || fault.kind === "docker" || fault.link?.endsWith("-docker") === true;
  if (backend !== "ec2") return own;
  return (
    fault.kind === "provider" ||
    fault.kind === "drought" ||
    fault.link?.endsWith("-provider") === true ||
    lives.some(({ id, workspace }) => id === struck?.instance && workspace === workspace_id)
  );
}

/** Its volume was removed behind Berth's back, and it says so. */
function prunedFor({ pruned = [] }: FaultLine, { workspace_id, error }: Operation): boolean {
  return error?.code === "volume_missing" && pruned.includes(`ws-${workspace_id}`);
}
