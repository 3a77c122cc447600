import { createHash, randomBytes, randomUUID } from "node:crypto";
import { insertEvents, type NewEvent } from "../db/events.js";
import { isFuture } from "../db/expiry.js";
import { lockGateShared, lockGates, takeTicket, type Gate } from "../db/gates.js";
import {
  coalesceInto,
  insertOperation,
  succeededSince,
  unfinishedOf,
  type Operation,
} from "../db/operations.js";
import { transactionInTurn, type Pool, type Tx } from "../db/pool.js";
import {
  beginGeneration,
  getWorkspace,
  insertWorkspace,
  updateWorkspace,
  type NewWorkspace,
  type Workspace,
  type WorkspaceChanges,
} from "../db/workspaces.js";
import {
  accepts,
  acceptedFrom,
  projectedStatus,
  type OperationKind,
  type Source,
} from "../domain/operation.js";
import { hasCompute, missingForBackend } from "../domain/backend.js";
import { BerthError } from "../base/errors.js";
import type { Dispatcher } from "../gate/dispatcher.js";
import { coalesced } from "../base/coalesce.js";
import { acceptOnce, answerOnce, TakenBack, type Asker, type Once } from "./idempotency.js";
import { requireRoom, requireRoomToMove } from "./quotas.js";

/** Who asks, and how often each attempt may be repeated. */
export interface RequestContext {
  pool: Pool;
  dispatcher: Dispatcher;
  maxAttempts: number;
}

/** The API, or a sweep, and on whose behalf. */
export interface Requester extends Asker {
  source: Source;
  /** The failed or cancelled operation that this request is to make good. */
  retryOf?: string;
}

/** What must hold for a request to be accepted. */
export interface Condition {
  /** The version that the workspace must have: `precondition_failed` otherwise. */
  ifVersion?: number;
}

/** An accepted request: the workspace after it and the operation that will serve it. */
export interface Accepted {
  workspace: Workspace;
  operation: Operation;
}

export type CreateInput = Omit<NewWorkspace, "id">;

/**
 * Accepts a new workspace and its provision.
 * @returns with it the token of an agent that runs elsewhere, which is shown this once; null for all others.
 * @throws BerthError `invalid_request` (the spec lacks what its backend needs, or `expires_at` has passed), `workspace_not_found` or
 * `parent_removed` (the parent), `quota_exceeded`.
 */
export async function createWorkspace(
  context: RequestContext,
  input: CreateInput,
  requester: Requester,
): Promise<Accepted & { token: string | null }> {
  const errors = missingForBackend(input.backend, input.spec);
  if (errors.length > 0) throw new BerthError("invalid_request", describe(errors), { errors });
  const accepted = await acceptOnce(context.pool, input.parent_id, requester, async (tx) => {
    await requireFuture(tx, input.expires_at);
    if (input.parent_id !== null) await requireLiveParent(tx, input.parent_id);
    await requireRoom(tx, input.labels);
    const inserted = await insertWorkspace(tx, { ...input, id: randomUUID() });
    const { workspace, token } = hasCompute(input.backend)
      ? { workspace: inserted, token: null }
      : await welcomeAgent(tx, inserted);
    const operation = await enqueue(tx, context, workspace.id, "provision", requester);
    await insertEvents(tx, [
      {
        event_type: "workspace.provisioning",
        workspace_id: workspace.id,
        operation_id: operation.id,
        payload: {
          name: workspace.name,
          backend: workspace.backend,
          parent_id: workspace.parent_id,
          ...by(requester),
        },
      },
    ]);
    return { workspace, operation, token };
  });
  await dispatch(context.dispatcher, accepted.operation, true);
  return accepted;
}

/**
 * Nobody launches what runs elsewhere, so nobody could give its agent a token: the creator does. Only the
 * hash is kept.
 */
async function welcomeAgent(tx: Tx, inserted: Workspace): Promise<{ workspace: Workspace; token: string }> {
  const token = randomBytes(32).toString("base64url");
  await beginGeneration(tx, inserted.id, 1, createHash("sha256").update(token).digest(), null);
  return { workspace: (await getWorkspace(tx, inserted.id))!, token };
}

/** What a caller wants if the workspace is busy: to be served by what waits, or a refusal. */
export type IfBusy = "coalesce" | "reject";

/**
 * Accepts a restart, or counts it into the one that already waits: of N rapid calls at most one runs and
 * one waits, and each is answered with the operation that begins after it (I2).
 * @throws BerthError `workspace_not_found`, `illegal_transition`, `precondition_failed`, `busy` (with
 * `operation_id`).
 */
export async function requestRestart(
  context: RequestContext,
  workspaceId: string,
  options: { ifBusy?: IfBusy } & Condition & Requester,
): Promise<Accepted> {
  const { once, ...alike } = options;
  const served = ([answer]: readonly RestartAnswer[]): Accepted => {
    if (answer instanceof BerthError) throw answer;
    return answer!;
  };
  // Of several that want to be the only one, one is.
  if (options.ifBusy === "reject") return served(await acceptRestarts(context, workspaceId, [once], alike));
  let restarts = gatheredRestarts.get(context);
  if (restarts === undefined) {
    restarts = coalesced((key, calls) => {
      const [id, common] = JSON.parse(key) as [string, RestartOptions];
      return acceptRestarts(context, id, calls, common);
    });
    gatheredRestarts.set(context, restarts);
  }
  return served([await restarts(JSON.stringify([workspaceId, alike]), once)]);
}

type RestartOptions = { ifBusy?: IfBusy } & Condition & Omit<Requester, "once">;
type RestartAnswer = AcceptedRestart | BerthError;

/** A storm on one workspace would otherwise hold every connection, each of them waiting for its gate. */
const gatheredRestarts = new WeakMap<
  RequestContext,
  (key: string, once: Once | undefined) => Promise<RestartAnswer>
>();

/** Accepts equal restarts of one workspace in one transaction. Each has its own answer: one given before, maybe. */
async function acceptRestarts(
  context: RequestContext,
  workspaceId: string,
  calls: readonly (Once | undefined)[],
  options: RestartOptions,
): Promise<RestartAnswer[]> {
  const answers = await transactionInTurn(context.pool, workspaceId, async (tx) => {
    const given = await answerOnce(tx, calls, (count) =>
      acceptRestart(tx, context, workspaceId, count, options),
    );
    if (options.dryRun === true) throw new TakenBack();
    return given;
  });
  const [made] = answers.filter(
    (one) => !(one instanceof BerthError) && one.isNext !== null,
  ) as AcceptedRestart[];
  if (made !== undefined) await dispatch(context.dispatcher, made.operation, made.isNext === true);
  return answers;
}

/** `isNext` is null if it was counted into one that has its job, or the dispatch sweep will see to it. */
type AcceptedRestart = Accepted & { isNext: boolean | null };

async function acceptRestart(
  tx: Tx,
  context: RequestContext,
  workspaceId: string,
  count: number,
  options: RestartOptions,
): Promise<AcceptedRestart> {
  const gate = await requireGate(tx, workspaceId);
  const workspace = (await getWorkspace(tx, workspaceId))!;
  requireVersion(workspace, options);
  const last = (await unfinishedOf(tx, [workspaceId])).at(-1);
  requireAccepted(workspace, "restart", last);
  if (last !== undefined && options.ifBusy === "reject")
    throw new BerthError("busy", `operation ${last.id} (${last.kind}) is ${last.state}`, {
      operation_id: last.id,
    });
  // A waiting resume launches afresh after this request just as a restart would.
  if (last?.state === "queued" && (last.kind === "restart" || last.kind === "resume"))
    return { workspace, operation: await coalesceInto(tx, last.id, count), isNext: null };
  const first = await enqueue(tx, context, workspaceId, "restart", options);
  const operation = count === 1 ? first : await coalesceInto(tx, first.id, count - 1);
  await insertEvents(tx, [requestedEvent(operation, options)]);
  return { workspace, operation, isNext: operation.ticket === gate.head + 1 };
}

/**
 * Changes what a workspace is called and what its next launch runs.
 * @throws BerthError `workspace_not_found`, `illegal_transition` (removed), `precondition_failed` if
 * `ifVersion` is not its version, `invalid_request` (the spec, or an `expires_at` that has passed), `quota_exceeded` (labels).
 */
export async function patchWorkspace(
  context: RequestContext,
  workspaceId: string,
  changes: WorkspaceChanges,
  options: Condition & Requester,
): Promise<Workspace> {
  return transactionInTurn(context.pool, workspaceId, async (tx) => {
    await requireGate(tx, workspaceId);
    const workspace = (await getWorkspace(tx, workspaceId))!;
    if (workspace.status === "removed")
      throw new BerthError("illegal_transition", "a removed workspace can't be changed", {
        status: workspace.status,
      });
    requireVersion(workspace, options);
    const errors = changes.spec === undefined ? [] : missingForBackend(workspace.backend, changes.spec);
    if (errors.length > 0) throw new BerthError("invalid_request", describe(errors), { errors });
    await requireFuture(tx, changes.expires_at);
    if (changes.labels !== undefined)
      await requireRoomToMove(tx, workspace, (await unfinishedOf(tx, [workspaceId])).at(-1), changes.labels);
    await insertEvents(tx, [
      {
        event_type: "workspace.updated",
        workspace_id: workspaceId,
        payload: { fields: Object.keys(changes), ...by(options) },
      },
    ]);
    return (await updateWorkspace(tx, workspaceId, changes))!;
  });
}

/** The caller has locked the gate. @throws BerthError `precondition_failed`. */
export function requireVersion({ version }: Workspace, { ifVersion }: Condition): void {
  if (ifVersion !== undefined && ifVersion !== version)
    throw new BerthError("precondition_failed", `its version is ${version}, not ${ifVersion}`, { version });
}

/** By the database's clock. @throws BerthError `invalid_request`. */
async function requireFuture(tx: Tx, expiresAt: Date | null | undefined): Promise<void> {
  if (expiresAt === null || expiresAt === undefined || (await isFuture(tx, expiresAt))) return;
  const errors = [{ field: "expires_at", expected: "a time in the future, or null for never" }];
  throw new BerthError("invalid_request", describe(errors), { errors });
}

/** Locks the gate of a workspace. @throws BerthError `workspace_not_found`. */
export async function requireGate(tx: Tx, workspaceId: string): Promise<Gate> {
  const [gate] = await lockGates(tx, [workspaceId]);
  if (gate === undefined)
    throw new BerthError("workspace_not_found", `there is no workspace ${workspaceId}`, {
      workspace_id: workspaceId,
    });
  return gate;
}

async function requireLiveParent(tx: Tx, parentId: string): Promise<void> {
  await lockGateShared(tx, parentId);
  const parent = await getWorkspace(tx, parentId);
  if (parent === null)
    throw new BerthError("workspace_not_found", `there is no workspace ${parentId} to be the parent`, {
      field: "parent_id",
    });
  if (parent.status === "removed")
    throw new BerthError("parent_removed", `workspace ${parentId} is removed and can't be a parent`, {
      field: "parent_id",
    });
}

/** @throws BerthError `illegal_transition`. `last` is its last unfinished operation. */
export function requireAccepted(
  workspace: Workspace,
  kind: OperationKind,
  last: Operation | undefined,
): void {
  if (!hasCompute(workspace.backend) && kind !== "delete")
    throw new BerthError(
      "illegal_transition",
      `a workspace of backend ${workspace.backend} runs elsewhere: Berth can't ${kind} it`,
      { status: workspace.status, wanted: kind, backend: workspace.backend },
    );
  const status = projectedStatus(workspace.status, last?.kind ?? null);
  if (accepts(status, kind)) return;
  throw new BerthError(
    "illegal_transition",
    (status === workspace.status
      ? `a workspace that is ${status} can't be asked to ${kind}`
      : `the workspace is ${workspace.status} and will be ${status}; then it can't be asked to ${kind}`) +
      (status === "removed" ? "" : `: only one that is ${acceptedFrom(kind).join(", ")} can`),
    {
      status: workspace.status,
      status_when_reached: status,
      wanted: kind,
      accepted_from: acceptedFrom(kind),
    },
  );
}

/** Takes the next ticket for a new operation. The caller has locked the gate. */
export async function enqueue(
  tx: Tx,
  context: Pick<RequestContext, "maxAttempts">,
  workspaceId: string,
  kind: OperationKind,
  requester: Omit<Requester, "once">,
): Promise<Operation> {
  if (requester.retryOf !== undefined && kind !== "delete") await requireNoneSucceeded(tx, requester.retryOf);
  return insertOperation(tx, {
    id: randomUUID(),
    workspace_id: workspaceId,
    ticket: await takeTicket(tx, workspaceId),
    kind,
    source: requester.source,
    requested_by: requester.requestedBy,
    max_attempts: context.maxAttempts,
    ...(requester.retryOf === undefined || requester.source === "cascade"
      ? {}
      : { retry_of: requester.retryOf }),
  });
}

/** What has been made good since isn't done once more. Asked here: a request sent again isn't a new one. */
async function requireNoneSucceeded(tx: Tx, retryOf: string): Promise<void> {
  const later = await succeededSince(tx, retryOf);
  if (later !== null)
    throw new BerthError(
      "not_retryable",
      `operation ${later}, accepted after it, has succeeded: ask for what you want now`,
      { operation_id: retryOf, succeeded_since: later },
    );
}

/** Hands an accepted operation to the queue. It is accepted whether or not that succeeds (I6). */
export async function dispatch(dispatcher: Dispatcher, operation: Operation, isNext: boolean): Promise<void> {
  await dispatcher.add(operation, isNext ? "now" : "parked").catch(() => undefined);
}

/** Tells that an operation was accepted. */
export function requestedEvent(
  operation: Operation,
  requester: Omit<Requester, "once">,
  payload: Record<string, unknown> = {},
): NewEvent {
  return {
    event_type: `workspace.${operation.kind}.requested`,
    workspace_id: operation.workspace_id,
    operation_id: operation.id,
    payload: { ...payload, ...by(requester) },
  };
}

export function by(requester: Omit<Requester, "once">): { source: Source; requested_by: string } {
  return { source: requester.source, requested_by: requester.requestedBy };
}

function describe(errors: readonly { field: string; expected: string }[]): string {
  return errors.map((error) => `${error.field}: expected ${error.expected}`).join("; ");
}
