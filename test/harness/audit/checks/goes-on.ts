import type { Check, Violation } from "../check.js";
import { type FaultLine, HANGING, type Operation, type RunRecord } from "../record.js";
import { byWorkspace } from "../view.js";

/** Within which Berth has found the new primary. */
const FOUND_MS = 10_000;
/** Fewer say nothing. */
const LEAST = 5;
/** Within which a delete ends whose workspace only waits for its image, while nothing else is broken. */
const INTERRUPTED_MS = 15_000;

export const goesOn: Check = {
  name: "goes on",
  invariant: "I15",
  promise: `Work goes on beside a registry that hangs, and ${FOUND_MS / 1_000} s after Redis has failed over; a delete ends a pull`,
  find: (record) => [...stalled(record), ...uninterrupted(record)],
};

/** Not one operation began in all the time, and some had their turn. */
function stalled(record: RunRecord): Violation[] {
  const hanging = hangingOf(record);
  const due = turnsOf(record.sql.operations.filter((one) => !hanging.has(one.workspace_id)));
  return record.faults.flatMap((line): Violation[] => {
    const from = fromOf(line);
    if (from === null || isDisturbed(record, from, line.until)) return [];
    const waited = due.filter(({ turn, began }) => turn >= from && turn < line.until && began >= from);
    if (waited.length < LEAST || waited.some(({ began }) => began < line.until)) return [];
    const what = `none of ${waited.length} operations whose turn had come began in ${line.until - from} ms of "${line.what}"`;
    return [{ workspace: waited[0]!.workspace, at: from, what }];
  });
}

function fromOf({ fault, at, until }: FaultLine): number | null {
  if (fault.kind === "registry") return at;
  return fault.kind === "redis" && fault.how === "failover" && until - at > FOUND_MS ? at + FOUND_MS : null;
}

function turnsOf(operations: readonly Operation[]) {
  return [...byWorkspace(operations, (one) => one.workspace_id)].flatMap(([workspace, all]) =>
    all
      .toSorted((a, b) => a.ticket - b.ticket)
      .map(({ created_at, started_at }, n) => ({
        workspace,
        turn: Math.max(created_at, all[n - 1]?.finished_at ?? 0),
        began: started_at ?? Infinity,
      })),
  );
}

function uninterrupted(record: RunRecord): Violation[] {
  const hanging = hangingOf(record);
  return record.sql.operations.flatMap((one): Violation[] => {
    if (!hanging.has(one.workspace_id) || one.kind !== "delete" || one.finished_at === null) return [];
    const took = one.finished_at - one.created_at;
    if (took <= INTERRUPTED_MS || isDisturbed(record, one.created_at, one.finished_at)) return [];
    const what = `the delete took ${took} ms, whose workspace only waited for its image`;
    return [{ workspace: one.workspace_id, at: one.created_at, what }];
  });
}

function hangingOf({ sql }: RunRecord): Set<string> {
  return new Set(sql.workspaces.flatMap(({ id, name }) => (name.startsWith(HANGING) ? id : [])));
}

/** What stops everything, or a worker, was broken as well. */
function isDisturbed({ faults }: RunRecord, from: number, until: number): boolean {
  return faults.some(
    ({ fault, at, until: mended }) =>
      (["postgres", "disk", "docker", "kill", "kill-at-step", "freeze", "network", "clock"].includes(
        fault.kind,
      ) ||
        (fault.kind === "redis" && fault.how !== "failover")) &&
      at < until &&
      mended > from,
  );
}
