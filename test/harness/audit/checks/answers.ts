import type { Check, Violation } from "../check.js";
import { type ClientCall, HOSTILE, type Operation, type RunRecord } from "../record.js";
import { misdated } from "../view.js";

export const answers: Check = {
  name: "answers",
  invariant: "I6",
  promise:
    "What clients were answered 2xx is there: once, for the right workspace, begun after it was asked for",
  find(record) {
    const found: Violation[] = [];
    const operations = new Map(record.sql.operations.map((one) => [one.id, one]));
    const workspaces = new Map(record.sql.workspaces.map((one) => [one.id, one]));
    for (const calls of requestsOf(record)) {
      const accepted = calls.filter(({ status }) => status >= 200 && status < 300);
      const [first] = calls;
      const report = (call: ClientCall, what: string) =>
        found.push({
          workspace: call.workspace,
          at: call.answered,
          what: `${call.kind} ${call.request}: ${what}`,
        });
      for (const call of accepted) {
        if (call.workspace === null || !workspaces.has(call.workspace)) {
          report(call, `answered ${call.status}, and there is no such workspace`);
          continue;
        }
        if (call.kind === "delete" && workspaces.get(call.workspace)!.status !== "removed")
          report(
            call,
            `answered ${call.status}, and the workspace is ${workspaces.get(call.workspace)!.status}`,
          );
        const operation = call.operation === null ? null : operations.get(call.operation);
        if (operation === undefined)
          report(call, `answered ${call.status} with an operation that isn't there`);
        else if (operation === null) {
          // A delete of what is gone already has nothing to do.
          if (call.kind !== "delete") report(call, `answered ${call.status} without an operation`);
        } else checkServes(record, operation, call, first!, report);
      }
      if (new Set(accepted.map(({ operation }) => operation)).size > 1)
        report(accepted.at(-1)!, "answered with two operations under one Idempotency-Key");
    }
    return [...found, ...unasked(record)];
  },
};

/** A resume that waits launches afresh, as a restart would. */
const SERVED_BY: Readonly<Record<ClientCall["kind"], readonly string[]>> = {
  create: ["provision"],
  restart: ["restart", "resume"],
  pause: ["pause"],
  resume: ["resume"],
  hibernate: ["hibernate"],
  delete: ["delete"],
  read: [],
  beat: [],
};

function checkServes(
  record: RunRecord,
  operation: Operation,
  call: ClientCall,
  first: ClientCall,
  report: (call: ClientCall, what: string) => void,
): void {
  if (operation.workspace_id !== call.workspace || !SERVED_BY[call.kind].includes(operation.kind))
    report(call, `answered with a ${operation.kind} of ${operation.workspace_id}`);
  // One that runs already doesn't serve it: it may have read what the caller has changed since.
  const { started_at: began } = operation;
  if (call.kind === "restart" && began !== null && began + misdated(record, began) < first.asked)
    report(call, `served by a restart that had begun ${first.asked - began} ms before it was asked for`);
}

/** What is there and nobody can have asked for. */
function unasked(record: RunRecord): Violation[] {
  const names = new Map<string, string>();
  const found: Violation[] = [];
  for (const { id, name, created_at } of record.sql.workspaces) {
    if (names.has(name))
      found.push({ workspace: id, at: created_at, what: `a second workspace of one request: ${name}` });
    names.set(name, id);
  }
  // It asks without telling anybody.
  const hostile = new Set(
    record.sql.workspaces.filter(({ name }) => name.startsWith(HOSTILE)).map(({ id }) => id),
  );
  const asked = new Set(record.calls.map(({ kind, workspace }) => `${kind} ${workspace}`));
  for (const { id, kind, source, workspace_id, created_at } of record.sql.operations)
    if (
      source === "api" &&
      kind !== "provision" &&
      !hostile.has(workspace_id) &&
      !asked.has(`${kind} ${workspace_id}`)
    )
      found.push({
        workspace: workspace_id,
        at: created_at,
        what: `${kind} ${id} that no client has asked for`,
      });
  return found;
}

/** Changes only, each with all its attempts. */
function requestsOf(record: RunRecord): ClientCall[][] {
  const requests = new Map<string, ClientCall[]>();
  for (const call of record.calls) {
    if (call.kind === "read" || call.kind === "beat") continue;
    requests.set(call.request, [...(requests.get(call.request) ?? []), call]);
  }
  return [...requests.values()].map((calls) => calls.toSorted((a, b) => a.attempt - b.attempt));
}
