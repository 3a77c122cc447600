import type { Check } from "../check.js";

export const SETTLE_MS = 120_000;

export const settled: Check = {
  name: "settled",
  invariant: "I7",
  promise: `All has settled ${SETTLE_MS / 1_000} s after the last fault`,
  find({ about: { settledAt, faultsEndedAt } }) {
    if (settledAt !== null && settledAt - faultsEndedAt <= SETTLE_MS) return [];
    const when = settledAt === null ? "hadn't when the run ended" : `took ${settledAt - faultsEndedAt} ms`;
    return [{ workspace: null, at: settledAt, what: `it ${when}` }];
  },
};
