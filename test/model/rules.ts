import { isFinished } from "@berth/core/domain/operation";
import { unfinished, type ModelOperation, type ModelWorker, type State } from "./state.js";

/**
 * The decisions on which the protocol rests, one for each condition of its statements and of its worker. A deliberate
 * defect replaces one of them.
 */
export interface Rules {
  /** `takeTicket`. */
  ticketAfter(tail: number): number;
  /** The conditions of `claimTickets`: on the order, on the lease, and on the wait of a retry. */
  isNext(state: State, operation: ModelOperation): boolean;
  isFree(state: State): boolean;
  isDue(operation: ModelOperation): boolean;
  /** Whether a claim, of a gate that nobody holds, is a new attempt. */
  countsClaim(operation: ModelOperation): boolean;
  /** What a claim adds to the fence. */
  claimMoves: 0 | 1;
  /** `lockingHeld`, of each write that is fenced; and of the finish, which has a condition of its own. */
  isHeld(state: State, hold: ModelWorker): boolean;
  mayFinish(state: State, hold: ModelWorker): boolean;
  /** That of `renewLeases`. */
  mayRenew(state: State, hold: ModelWorker): boolean;
  /** `passGates`: where the head goes, and what it adds to the fence. */
  headAfter(state: State): number;
  passMoves: 0 | 1;
  /** `holdIdleGate`. */
  isIdle(state: State): boolean;
  /** Whether a waiting operation serves a further restart. */
  servesRestart(operation: ModelOperation): boolean;
  /** What a delete takes for running: asked to stop, where all else ends at once. */
  runsNow(state: State, operation: ModelOperation): boolean;
  /** Whether a repeated delete leaves the gate as it is, for this delete that is unfinished already. */
  keepsDelete(waiting: ModelOperation | undefined): boolean;
  /** Whether the cancellation of what waits at the head lets the next one in. */
  cancelPasses: boolean;
  /** Whether it does so, as a delete's does, while a sweep holds the gate. */
  stepsOver: boolean;
  /** In which state a retry leaves its operation. */
  retryState: "running" | "queued";
  /** The worker looks at its own clock before each call of a provider. */
  looksAtClock: boolean;
  /** Its lease counts from before the claim was asked for, so that it never believes in it longer than the database. */
  countsFromBefore: boolean;
  finishWakes: boolean;
  letGoWakes: boolean;
  /** One that has parked its job looks once more. */
  looksAgain: boolean;
  wakePromotesAgain: boolean;
  /** A wake removes a finished job whose operation isn't. */
  wakeReplaces: boolean;
  /** `waitingHeads`: whom the sweep `dispatch` wakes. */
  sweepWakes(state: State, operation: ModelOperation): boolean;
}

const held = (state: State, { fence }: ModelWorker): boolean =>
  fence === state.gate.fence && state.gate.lease !== "none";

/** As the code is meant to be. */
export const RULES: Rules = {
  ticketAfter: (tail) => tail + 1,
  isNext: (state, operation) => state.gate.head + 1 === operation.ticket,
  isFree: (state) => state.gate.lease !== "alive",
  isDue: (operation) => !operation.backoff,
  countsClaim: (operation) => !operation.waiting,
  claimMoves: 1,
  isHeld: held,
  mayFinish: held,
  mayRenew: held,
  headAfter: (state) => (unfinished(state)[0]?.ticket ?? state.gate.tail + 1) - 1,
  passMoves: 1,
  isIdle: (state) => state.gate.head === state.gate.tail,
  servesRestart: (operation) =>
    operation.state === "queued" && (operation.kind === "restart" || operation.kind === "resume"),
  runsNow: (state, operation) => operation.state === "running" && state.gate.lease === "alive",
  keepsDelete: (waiting) => waiting?.state === "running",
  cancelPasses: true,
  stepsOver: true,
  retryState: "running",
  looksAtClock: true,
  countsFromBefore: true,
  finishWakes: true,
  letGoWakes: true,
  looksAgain: true,
  wakePromotesAgain: true,
  wakeReplaces: true,
  sweepWakes: (state, operation) =>
    !isFinished(operation.state) && state.gate.lease !== "alive" && !operation.backoff,
};
