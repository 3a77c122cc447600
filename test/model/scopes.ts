import type { Faults, Scope } from "./protocol.js";
import { RULES } from "./rules.js";

const ALL: Faults = { crash: true, freeze: true, loss: true, stale: true, database: true, provider: true };
const NONE: Faults = {
  crash: false,
  freeze: false,
  loss: false,
  stale: false,
  database: false,
  provider: false,
};

const EVERYTHING: Scope = {
  rules: RULES,
  workers: 2,
  operations: 2,
  requests: ["restart", "pause", "resume", "delete"],
  cancels: true,
  keepers: true,
  queue: "any",
  faults: ALL,
  faultsAtMost: Infinity,
  mends: true,
};

/** The gate alone, under a queue that could do anything, and any number of crashes, freezes and lost answers. */
export const GATE: Scope = EVERYTHING;

/** The queue as it is: where nothing goes wrong, neither the sweep nor the end of a parking is needed. */
export const PROMPT: Scope = {
  ...EVERYTHING,
  requests: ["restart", "delete"],
  queue: "exact",
  faults: NONE,
  faultsAtMost: 0,
  mends: false,
};

/** The queue as it is, and one thing that goes wrong at any point: the sweep or a timer mends it. */
export const MENDED: Scope = {
  ...EVERYTHING,
  requests: ["restart"],
  cancels: false,
  keepers: false,
  queue: "exact",
  faults: { ...ALL, provider: false },
  faultsAtMost: 1,
};

export const SCOPES = { GATE, PROMPT, MENDED };
