import {
  accepts,
  firstRefused,
  isFinished,
  OPERATION_KINDS,
  projectedStatus,
  statusAfter,
  type OperationKind,
} from "@berth/core/domain/operation";
import { canBecome, type Status } from "@berth/core/domain/status";
import { cancelled, failed, succeeded } from "@berth/core/gate/endings";
import type { Rules } from "./rules.js";
import {
  newOperation,
  operationOf,
  TELL,
  unfinished,
  WAKING,
  type ModelOperation,
  type ModelWorker,
  type State,
} from "./state.js";

/** What may be asked for of a workspace. */
export type Request = Exclude<OperationKind, "provision" | "hibernate">;

/** Notes the first property that an action breaks. */
export function breaks(state: State, sentence: string): void {
  state.broken ??= sentence;
}

/** Accepts a request, or refuses it: false. As `requests/{create,restart,resume,suspend,delete}.ts` do in one transaction. */
export function request(state: State, rules: Rules, kind: Request): boolean {
  if (kind === "delete") return remove(state, rules);
  const last = unfinished(state).at(-1);
  const status = projectedStatus(state.status, last?.kind ?? null);
  if (last !== undefined && servedBy(last, kind, rules) && (kind !== "restart" || accepts(status, kind))) {
    if (kind === "restart" && last.state !== "queued")
      breaks(state, "I2: a restart is answered with an operation that had begun before it was asked for");
    return true;
  }
  if (!accepts(status, kind)) return false;
  enqueue(state, rules, kind);
  return true;
}

function servedBy(last: ModelOperation, kind: Request, rules: Rules): boolean {
  return kind === "restart" ? rules.servesRestart(last) : last.kind === kind;
}

/** The new operation's job is added after the commit: to run now if its turn has come, else parked. */
export function enqueue(state: State, rules: Rules, kind: OperationKind): ModelOperation {
  const { gate } = state;
  const operation = newOperation(rules.ticketAfter(gate.tail), kind);
  if (operationOf(state, operation.ticket) !== undefined)
    breaks(state, "I2: two operations have the same ticket");
  if (state.operations.some((other) => other.ticket > operation.ticket))
    breaks(state, "I2: what is accepted later has an earlier ticket");
  gate.tail = operation.ticket;
  state.operations.push(operation);
  operation.telling |= gate.head + 1 === operation.ticket ? TELL.addNow : TELL.addParked;
  return operation;
}

function remove(state: State, rules: Rules): boolean {
  const live = state.status !== "removed";
  const open = unfinished(state);
  const waiting = open.find((operation) => operation.kind === "delete");
  const others = open.filter((operation) => operation.kind !== "delete");
  const leased = state.gate.lease === "alive";
  state.status = "removed";
  for (const operation of others)
    if (rules.runsNow(state, operation)) requestCancel(state, operation, "delete");
    else end(state, operation, "cancelled");
  const driven = waiting ?? (live || state.owes ? enqueue(state, rules, "delete") : undefined);
  if (leased) stepOver(state, rules);
  // One that has begun has the gate's head already; passed on, its dead worker's lease would count as given back.
  else if (!rules.keepsDelete(waiting)) pass(state, rules);
  if (driven === undefined) return true;
  if (waiting === undefined) driven.telling = 0;
  driven.telling |= !leased && state.gate.head === driven.ticket - 1 ? TELL.addNow : TELL.addParked;
  return true;
}

/** As `requests/cancel.ts`: false where it is refused. */
export function cancel(state: State, rules: Rules, ticket: number): boolean {
  const operation = operationOf(state, ticket);
  if (operation === undefined || isFinished(operation.state) || operation.kind === "delete") return false;
  const open = unfinished(state);
  const behind = open.filter((one) => one.ticket > ticket);
  const kinds = behind.map((one) => one.kind);
  if (statusesWithout(state, operation, open).some((status) => firstRefused(status, kinds) !== null))
    return false;
  const leased = state.gate.lease === "alive";
  if (operation.state === "queued") {
    endAs(state, operation, cancelled(told(operation), "a user"));
    if (leased) stepOver(state, rules);
    else if (state.gate.head + 1 === ticket && rules.cancelPasses) {
      pass(state, rules);
      if (behind[0] !== undefined) wake(behind[0]);
    }
  } else if (operation.cancel === "nobody") {
    requestCancel(state, operation, "user");
    if (!leased) wake(operation);
  }
  return true;
}

function statusesWithout(state: State, operation: ModelOperation, open: ModelOperation[]): Status[] {
  const last = open.findLast((one) => one.ticket < operation.ticket);
  if (last !== undefined) return [projectedStatus(state.status, last.kind)];
  if (operation.kind === "provision" || operation.begun) return ["failed"];
  return operation.state === "queued" ? [state.status] : [state.status, "failed"];
}

function requestCancel(state: State, operation: ModelOperation, by: "user" | "delete"): void {
  if (operation.state !== "running")
    return breaks(state, "I7: what doesn't run was asked to stop, and nobody will see it");
  // A delete's request takes the place of a user's: only a user's leaves the workspace failed.
  operation.cancel = by;
  operation.backoff = false;
}

export function mayClaim(state: State, rules: Rules, operation: ModelOperation): boolean {
  if (isFinished(operation.state)) return false;
  return rules.isNext(state, operation) && rules.isFree(state) && rules.isDue(operation);
}

/** `claimTickets`: true if the operation is the worker's now. */
export function claim(state: State, rules: Rules, worker: ModelWorker): boolean {
  const { gate } = state;
  const operation = operationOf(state, worker.ticket)!;
  if (!mayClaim(state, rules, operation)) return false;
  if (gate.lease === "none" || operation.state === "queued") {
    if (rules.countsClaim(operation)) operation.attempt++;
  }
  // More of them count like the first that is one too many.
  else operation.takeovers = Math.min(operation.takeovers + 1, MAX_TAKEOVERS + 1);
  operation.state = "running";
  take(state, rules, worker);
  worker.told = operation.cancel !== "nobody";
  return true;
}

/** How many workers may have ended under one operation, and how many attempts it has. */
export const MAX_TAKEOVERS = 1;
export const MAX_ATTEMPTS = 2;

export function mayHoldIdle(state: State, rules: Rules): boolean {
  return rules.isIdle(state) && rules.isFree(state);
}

/** `holdIdleGate`. */
export function holdIdle(state: State, rules: Rules, worker: ModelWorker): void {
  take(state, rules, worker);
}

function take(state: State, rules: Rules, worker: ModelWorker): void {
  const { gate } = state;
  gate.fence += rules.claimMoves;
  gate.lease = "alive";
  for (const other of state.workers) if (other !== worker && holds(other)) other.superseded = true;
  Object.assign(worker, { fence: gate.fence, fresh: true, step: 0, superseded: false });
}

export function holds(worker: ModelWorker): boolean {
  return worker.at === "running" || worker.at === "keeping";
}

/** `passGates`. */
export function pass(state: State, rules: Rules): void {
  const { gate } = state;
  gate.lease = "none";
  gate.fence += rules.passMoves;
  gate.head = rules.headAfter(state);
  for (const worker of state.workers) if (holds(worker)) worker.superseded = true;
}

/** `stepOver`: what was cancelled at the head of a gate that is held is no longer in the way of what follows. */
function stepOver(state: State, rules: Rules): void {
  if (rules.stepsOver) state.gate.head = rules.headAfter(state);
}

/** Whatever a worker records counts only while nobody else has had the gate since. */
export function recorded(state: State, worker: ModelWorker): void {
  if (worker.superseded)
    breaks(state, "I1, I9: a worker has recorded something after the gate was passed on to another");
}

/** The end of a launch, a stop or a delete, by the code's own endings. */
export function finish(
  state: State,
  rules: Rules,
  worker: ModelWorker,
  how: "succeeded" | "failed" | "cancelled",
): boolean {
  if (!rules.mayFinish(state, worker)) return false;
  recorded(state, worker);
  const operation = operationOf(state, worker.ticket)!;
  const by = operation.cancel === "user" ? "a user" : null;
  if (how === "succeeded") endAs(state, operation, succeeded(told(operation), WORKSPACE));
  else if (how === "cancelled") {
    if (operation.cancel === "nobody") breaks(state, "I7: an operation is cancelled that nobody cancelled");
    endAs(state, operation, cancelled(told(operation), by));
  } else endAs(state, operation, failed(told(operation), WORKSPACE, FAILURE));
  if (operation.kind === "delete") state.owes = how !== "succeeded";
  pass(state, rules);
  const next = operationOf(state, state.gate.head + 1);
  if (rules.finishWakes && next !== undefined) wake(next);
  return true;
}

/** `retryLater`, `wait` and `handBack`: the lease is given back, the ticket isn't. */
export function giveBack(
  state: State,
  rules: Rules,
  worker: ModelWorker,
  why: "retry" | "wait" | "hand back",
): boolean {
  if (!rules.isHeld(state, worker)) return false;
  recorded(state, worker);
  const operation = operationOf(state, worker.ticket)!;
  if (why === "hand back") {
    if (!operation.waiting) operation.attempt--;
  } else {
    operation.backoff = operation.cancel === "nobody";
    operation.state = rules.retryState;
    operation.waiting = why === "wait";
  }
  if (operation.attempt < 0) breaks(state, "I7: an operation has begun less than no attempt");
  pass(state, rules);
  return true;
}

/** The job of the operation is to run: the first of a wake's commands is on its way. */
export function wake(operation: ModelOperation): void {
  if ((operation.telling & WAKING) === 0) operation.telling |= TELL.wake;
}

/** The first step of the plan, as far as requests can see it: a launch makes the workspace `provisioning`. */
export function noteStep(state: State, worker: ModelWorker): void {
  recorded(state, worker);
  const operation = operationOf(state, worker.ticket)!;
  operation.begun = true;
  if (LAUNCHES.has(operation.kind) && state.status !== "removed") become(state, "provisioning");
}

const LAUNCHES = new Set(OPERATION_KINDS.filter((kind) => statusAfter(kind) === "online"));

function end(state: State, operation: ModelOperation, as: "succeeded" | "failed" | "cancelled"): void {
  if (isFinished(operation.state)) breaks(state, "I6: an operation that had ended has ended once more");
  operation.state = as;
  operation.backoff = false;
}

type Ending = ReturnType<typeof succeeded>;

function endAs(state: State, operation: ModelOperation, ending: Ending): void {
  end(state, operation, ending.state);
  if (ending.status !== null && state.status !== "removed") become(state, ending.status);
}

function become(state: State, status: Status): void {
  if (!canBecome(state.status, status))
    breaks(
      state,
      `I7: PostgreSQL refuses the change from ${state.status} to ${status}, so nothing is recorded`,
    );
  state.status = status;
}

/** What the endings read of an operation and its workspace. */
function told(operation: ModelOperation): Parameters<typeof succeeded>[0] {
  return { kind: operation.kind, phase: operation.begun ? "launch" : null } as Parameters<
    typeof succeeded
  >[0];
}
const WORKSPACE = { backend: "process", spec: { readiness: "running" } } as Parameters<typeof succeeded>[1];
const FAILURE = {
  phase: "launch",
  error: { code: "backend_failed", message: "it failed", provider_code: null },
  owed: [],
  passing: false,
  kept: false,
  restartInMs: 0,
};
