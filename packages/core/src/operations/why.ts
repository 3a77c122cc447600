import { lookAtGate, type GateLook } from "../db/gate-looks.js";
import { unfinishedOf, type Operation, type OperationError } from "../db/operations.js";
import type { Queryable } from "../db/pool.js";
import { openResources, type OpenResource } from "../db/resources.js";
import { heldFor } from "../db/sweeps.js";
import { getWorkspace, type Workspace } from "../db/workspaces.js";
import { servedNow, type Served } from "../db/place-workers.js";
import { hasCompute } from "../domain/backend.js";
import { workspaceNotFound } from "../base/errors.js";

/** Why a workspace is where it is, in words and in fields. */
export interface Why {
  summary: string;
  status: string;
  status_reason: string | null;
  /** The operation that runs, or is next. */
  operation: {
    id: string;
    kind: string;
    state: string;
    phase: string | null;
    attempt: number;
    max_attempts: number;
    next_attempt_at: Date | null;
    waiting_behind: number;
  } | null;
  /** What the next step waits for: `worker`, `place`, `retry`, `provider`, `agent`, `operator`, `sweep`; null: nothing. */
  waits_for: string | null;
  /** When that step is next tried; null: nothing is waited for that has a time. */
  next_attempt_at: Date | null;
  /** What a sweep's breaker holds back of it, and the call that ends the hold. */
  held: { sweep: string; since: string; what: string; approve: string }[];
  last_error: OperationError | null;
  /** What of it is to go and isn't proven gone. */
  obligations: {
    id: string;
    kind: string;
    provider_id: string | null;
    attempts: number;
    next_attempt_at: Date | null;
    last_error: OperationError | null;
  }[];
}

/** @throws BerthError `workspace_not_found` */
export async function why(db: Queryable, workspaceId: string): Promise<Why> {
  const workspace = await getWorkspace(db, workspaceId);
  if (workspace === null) throw workspaceNotFound(workspaceId);
  const unfinished = await unfinishedOf(db, [workspaceId]);
  const gate = await lookAtGate(db, workspaceId);
  const open = (await openResources(db, workspaceId)).filter((row) => row.state === "releasing");
  const operation = unfinished[0];
  const lastError =
    operation?.error ??
    open.findLast((row) => row.last_error !== null)?.last_error ??
    gate?.last_error ??
    null;
  const served = await servedNow(db, workspace.place);
  const held = (await heldFor(db, workspaceId)).map((one) => ({
    ...one,
    approve: `POST /sweeps/${one.sweep}/approve`,
  }));
  const [waits, words] = explain(workspace, operation, gate, { open, held, served });
  const trouble = lastError === null ? "" : ` Its last error: ${lastError.code}: ${lastError.message}.`;
  return {
    summary: `It is ${workspace.status}${workspace.status_reason === null ? "" : ` (${workspace.status_reason})`}: ${words}.${trouble}`,
    status: workspace.status,
    status_reason: workspace.status_reason,
    operation:
      operation === undefined
        ? null
        : {
            id: operation.id,
            kind: operation.kind,
            state: operation.state,
            phase: operation.phase,
            attempt: operation.attempt,
            max_attempts: operation.max_attempts,
            next_attempt_at: operation.next_attempt_at,
            waiting_behind: unfinished.length - 1,
          },
    waits_for: waits,
    next_attempt_at:
      operation === undefined
        ? (workspace.next_restart_at ?? firstOf(open.flatMap((row) => row.next_attempt_at ?? [])))
        : operation.next_attempt_at,
    held,
    last_error: lastError,
    obligations: open.map(({ id, kind, provider_id, attempts, next_attempt_at, last_error }) => ({
      id,
      kind,
      provider_id,
      attempts,
      next_attempt_at,
      last_error,
    })),
  };
}

function explain(
  workspace: Workspace,
  operation: Operation | undefined,
  gate: GateLook | null,
  { open, held, served }: { open: readonly OpenResource[]; held: Why["held"]; served: Served | null },
): [waitsFor: string | null, words: string] {
  const elsewhere = served === null ? null : unserved(workspace.place, served);
  if (gate?.paused === true) return ["operator", "its gate is paused by an operator"];
  if (operation !== undefined) {
    const name = `its ${operation.kind} (attempt ${Math.max(operation.attempt, 1)} of ${operation.max_attempts})`;
    if (gate?.leased === true) return ["provider", `${name} runs, at step "${operation.phase ?? "start"}"`];
    if (operation.next_attempt_at !== null && operation.waiting_since !== null)
      return [
        "provider",
        `${name} waits for its provider since ${operation.waiting_since.toISOString()}, at step "${operation.phase}": ${operation.waits_for}`,
      ];
    if (operation.next_attempt_at !== null)
      return ["retry", `${name} failed and is tried again at ${operation.next_attempt_at.toISOString()}`];
    if (elsewhere !== null) return ["place", `${name} waits for ${elsewhere}${wayOut(workspace)}`];
    return ["worker", `${name} waits for a worker`];
  }
  const [hold] = held;
  if (hold !== undefined)
    return [
      "operator",
      `since ${hold.since} the breaker of the sweep ${hold.sweep} holds what it would do for it (${hold.what}), ` +
        `as it would act on too many at once: ${hold.approve}, or berth sweeps approve ${hold.sweep}, lets it`,
    ];
  const { next_restart_at: restartAt } = workspace;
  if (workspace.status === "offline" && restartAt !== null)
    return ["retry", `its restart is tried again at ${restartAt.toISOString()}`];
  if (open.length > 0 && elsewhere !== null)
    return [
      "place",
      `${open.length} thing(s) of it are not proven gone, and wait for ${elsewhere}${wayOut(workspace)}`,
    ];
  if (open.length > 0)
    return [
      "sweep",
      `${open.length} thing(s) of it are not proven gone, and the sweep removed-instances goes on with them`,
    ];
  if (!hasCompute(workspace.backend)) return explainElsewhere(workspace);
  switch (workspace.status) {
    case "awaiting_agent":
      return ["agent", "its instance runs, and its agent has not registered yet"];
    case "offline":
      return ["sweep", "the sweep instance-state restarts it at its next look"];
    case "failed":
      return [
        "operator",
        /^(volume_missing|place_lost)/.test(workspace.status_reason ?? "")
          ? "nothing more happens by itself: berth restart --new-volume (POST /workspaces/:id/restart?new_volume=true) goes on with an empty volume, or delete it"
          : "nothing more happens by itself: restart or delete it",
      ];
    case "provisioning":
      return ["sweep", "no operation is at work on it, and the sweep provisioning-timeout will fail it"];
    case "paused":
    case "hibernated":
      return ["operator", "it runs again when it is resumed"];
    default:
      return [null, "it is where it should be"];
  }
}

/** Which place none of the workers serves, since when, and what those say who are meant to; null: one does. */
function unserved(place: string, { served, workers, served_at, problems }: Served): string | null {
  if (served || !workers) return null;
  const since =
    served_at === null ? "has never been served" : `nobody serves since ${served_at.toISOString()}`;
  return `place ${place}, which ${since}: ${problems.length === 0 ? "no live worker is configured for it" : problems.join("; ")}`;
}

/** How what waits for a place ends, if that one never comes back. */
function wayOut({ place, status }: Workspace): string {
  const lost = `if it is gone for good, berth places lost ${place} (POST /places/${place}/lost) ends what waits for it`;
  return status === "removed"
    ? `; ${lost}, and berth leaks release (POST /leaks/:id/release) one thing alone`
    : `; ${lost}`;
}

/** Berth starts and stops nothing of it: it knows what its agent says, and no more. */
function explainElsewhere({ status }: Workspace): [waitsFor: string | null, words: string] {
  switch (status) {
    case "awaiting_agent":
      return ["agent", "it runs elsewhere, and no agent has registered with its token yet"];
    case "offline":
    case "failed":
      return ["agent", "it runs elsewhere: it is online as soon as its agent is heard"];
    case "provisioning":
      return ["worker", "it runs elsewhere, and waits for a worker to be taken in"];
    default:
      return [null, "it runs elsewhere, and its agent is heard"];
  }
}

function firstOf(times: readonly Date[]): Date | null {
  return times.length === 0 ? null : new Date(Math.min(...times.map((time) => time.getTime())));
}
