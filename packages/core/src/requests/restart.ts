import { BerthError } from "../base/errors.js";
import { gathered } from "../base/coalesce.js";
import { insertEvents } from "../db/events.js";
import { coalesceInto, unfinishedOf } from "../db/operations.js";
import { transactionInTurn, type Tx } from "../db/pool.js";
import { getWorkspace } from "../db/workspaces.js";
import {
  dispatch,
  enqueue,
  requestedEvent,
  requireAccepted,
  requireGate,
  requireVersion,
  type Accepted,
  type Condition,
  type Requester,
  type RequestContext,
} from "./accept.js";
import { answerOnce, TakenBack, type Once } from "./idempotency.js";

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
    restarts = gathered((key, calls) => {
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
