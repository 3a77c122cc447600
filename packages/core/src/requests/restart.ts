import { BerthError } from "../base/errors.js";
import type { Operation } from "../db/operations.js";
import { sharedTransaction } from "../db/group-commit.js";
import type { Tx } from "../db/pool.js";
import {
  accept,
  dispatch,
  type Accepted,
  type AcceptedInTurn,
  type Condition,
  type RequestedBy,
  type Requester,
  type RequestContext,
} from "./accept.js";
import { leaveLostPlace } from "./lost.js";
import { answerIdempotently, keysOf, TakenBack, type Idempotency } from "./idempotency.js";

/** What a caller wants if the workspace is busy: to be served by what waits, or a refusal. */
export type IfBusy = "coalesce" | "reject";

type RestartOptions = { ifBusy?: IfBusy } & Condition;

/**
 * Accepts a restart, or counts it into the one that already waits: of N rapid calls at most one runs and
 * one waits, and each is answered with the operation that begins after it (I2). Equal calls that wait for the
 * workspace are accepted in one transaction, each with an answer of its own.
 * @throws BerthError `workspace_not_found`, `illegal_transition`, `precondition_failed`, `busy` (with
 * `operation_id`).
 */
export async function requestRestart(
  context: RequestContext,
  workspaceId: string,
  { idempotency, ...options }: RestartOptions & Requester,
): Promise<Accepted> {
  const { answer, dispatches } = await sharedTransaction(
    context.pool,
    {
      key: workspaceId,
      // With `if_busy: reject` no two may share an operation: of several at once one is accepted.
      alike: options.ifBusy === "reject" ? null : { maxAttempts: context.maxAttempts, ...options },
      alone: (calls) => (options.dryRun === true ? null : [workspaceId, ...keysOf(calls)]),
    },
    idempotency,
    (tx, calls) => acceptRestarts(tx, context, workspaceId, calls, options),
  );
  if (answer instanceof BerthError) throw answer;
  if (dispatches) await dispatch(context.dispatcher, answer.operation, answer.isNext === true);
  return answer;
}

/** @returns for each call its answer, which may have been given before, and whether it sees to the operation's job. */
async function acceptRestarts(
  tx: Tx,
  context: RequestContext,
  workspaceId: string,
  calls: readonly (Idempotency | undefined)[],
  options: RestartOptions & RequestedBy,
): Promise<{ answer: AcceptedInTurn | BerthError; dispatches: boolean }[]> {
  const answers = await answerIdempotently(tx, calls, (count) =>
    accept(tx, context, { workspaceId, kind: "restart" }, options, {
      count,
      servedBy: (last) => options.ifBusy !== "reject" && beginsLater(last),
      async allow(last, workspace) {
        if (options.ifBusy === "reject" && last !== undefined) throw busy(last);
        if (last === undefined) await leaveLostPlace(tx, workspace, options);
      },
    }),
  );
  if (options.dryRun === true) throw new TakenBack();
  const made = answers.findIndex((one) => !(one instanceof BerthError) && one.isNext !== null);
  return answers.map((answer, index) => ({ answer, dispatches: index === made }));
}

/** A waiting resume launches afresh after this request just as a restart would. */
function beginsLater({ state, kind }: Operation): boolean {
  return state === "queued" && (kind === "restart" || kind === "resume");
}

function busy({ id, kind, state }: Operation): BerthError {
  return new BerthError("busy", `operation ${id} (${kind}) is ${state}`, { operation_id: id });
}
