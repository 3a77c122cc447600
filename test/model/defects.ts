import type { Scope } from "./protocol.js";
import { RULES, type Rules } from "./rules.js";
import { GATE, MENDED, PROMPT } from "./scopes.js";
import { unfinished } from "./state.js";

/** A deliberate mistake, and the smallest scope in which it must be found. */
export interface Defect {
  name: string;
  rules?: Partial<Rules>;
  scope: Scope;
  /** The invariant that it breaks, as the found sentence begins. */
  breaks: RegExp;
}

const FEW: Scope = { ...GATE, requests: ["restart", "delete"], cancels: false, keepers: false };

const LOST: Scope = { ...MENDED, requests: [] };
const QUIET: Scope = { ...PROMPT, requests: ["restart"], cancels: false };

export const DEFECTS: readonly Defect[] = [
  { name: "a claim ignores the lease", rules: { isFree: () => true }, scope: FEW, breaks: /^I1/ },
  { name: "a claim ignores the order", rules: { isNext: () => true }, scope: FEW, breaks: /^I[12]/ },
  {
    name: "neither a claim nor the passing on of the gate moves the fence",
    rules: { claimMoves: 0, passMoves: 0 },
    scope: FEW,
    breaks: /^I1/,
  },
  { name: "a claim leaves the fence as it is", rules: { claimMoves: 0 }, scope: FEW, breaks: /^I1/ },
  { name: "a finish ignores the fence", rules: { mayFinish: () => true }, scope: FEW, breaks: /^I[16]/ },
  { name: "a step is noted without the fence", rules: { isHeld: () => true }, scope: FEW, breaks: /^I1/ },
  {
    name: "a lease is renewed without the fence",
    rules: { mayRenew: () => true },
    scope: FEW,
    breaks: /^I1/,
  },
  {
    name: "a worker doesn't look at its own clock",
    rules: { looksAtClock: false },
    scope: FEW,
    breaks: /^I1/,
  },
  {
    name: "a worker's lease counts from the claim's answer",
    rules: { countsFromBefore: false },
    scope: FEW,
    breaks: /^I1/,
  },
  {
    name: "a finish leaves the head where it was",
    rules: { headAfter: (state) => state.gate.head },
    scope: FEW,
    breaks: /^I6, I7/,
  },
  {
    name: "the head goes past an operation in backoff",
    rules: {
      headAfter: (state) =>
        (unfinished(state).find(({ backoff }) => !backoff)?.ticket ?? state.gate.tail + 1) - 1,
    },
    scope: FEW,
    breaks: /^I1|^I2/,
  },
  {
    name: "a retry goes back to waiting as if it had never begun",
    rules: { retryState: "queued", servesRestart: ({ kind }) => kind === "restart" },
    scope: { ...FEW, requests: ["restart"] },
    breaks: /^I2|^I7/,
  },
  {
    name: "no claim counts its attempt, as if each had waited for its provider",
    rules: { countsClaim: () => false },
    scope: FEW,
    breaks: /^I7/,
  },
  {
    name: "a new ticket isn't the one after the tail",
    rules: { ticketAfter: (tail) => tail + 2 },
    scope: { ...FEW, operations: 3 },
    breaks: /^I6, I7/,
  },
  { name: "a new ticket is the tail", rules: { ticketAfter: (tail) => tail }, scope: FEW, breaks: /^I2/ },
  {
    name: "a sweep holds a gate that has something to do",
    rules: { isIdle: () => true },
    scope: { ...FEW, keepers: true, cancels: true },
    breaks: /^I/,
  },
  {
    name: "a restart is counted into one that runs",
    rules: { servesRestart: ({ kind }) => kind === "restart" },
    scope: FEW,
    breaks: /^I2/,
  },
  {
    name: "a delete ends what runs under a living lease",
    rules: { runsNow: () => false },
    scope: FEW,
    breaks: /^I/,
  },
  {
    name: "a delete asks also what waits to stop, and nobody hears it",
    rules: { runsNow: () => true },
    scope: FEW,
    breaks: /^I7/,
  },
  {
    name: "a repeated delete gives back the lease of a dead worker",
    rules: { keepsDelete: () => false },
    scope: FEW,
    breaks: /^I7/,
  },
  {
    name: "a cancelled operation at the head stays in the way",
    rules: { cancelPasses: false },
    scope: { ...FEW, cancels: true },
    breaks: /^I6, I7/,
  },
  {
    name: "one that is cancelled in front of a sweep stays in the way if the sweep dies",
    rules: { stepsOver: false },
    scope: { ...FEW, keepers: true },
    breaks: /^I6, I7/,
  },
  {
    name: "a finish forgets to wake the next",
    rules: { finishWakes: false },
    scope: QUIET,
    breaks: /^I6, I7/,
  },
  {
    name: "a sweep forgets to wake what came meanwhile",
    rules: { letGoWakes: false },
    scope: QUIET,
    breaks: /^I6, I7/,
  },
  {
    name: "one that parks its job doesn't look once more",
    rules: { looksAgain: false },
    scope: QUIET,
    breaks: /^I6, I7/,
  },
  {
    name: "a wake-up misses a job that is parked while it looks",
    rules: { wakePromotesAgain: false },
    scope: QUIET,
    breaks: /^I6, I7/,
  },
  {
    name: "there is no sweep, and the queue loses everything",
    rules: { sweepWakes: () => false },
    scope: LOST,
    breaks: /^I6, I7/,
  },
  {
    name: "the sweep passes over what a dead worker left",
    rules: {
      sweepWakes: (state, operation) => RULES.sweepWakes(state, operation) && state.gate.lease === "none",
    },
    scope: { ...LOST, faultsAtMost: 2 },
    breaks: /^I6, I7/,
  },
  {
    name: "a finished job is kept whose operation isn't, and its id is taken",
    rules: { wakeReplaces: false },
    scope: LOST,
    breaks: /^I6, I7/,
  },
];
