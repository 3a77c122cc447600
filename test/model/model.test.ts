import { describe, expect, it } from "vitest";
import { DEFECTS } from "./defects.js";
import { RULES } from "./rules.js";
import { GATE, PROMPT } from "./scopes.js";
import { flawOf } from "./sentences.js";

describe("the gate's protocol, in every state that it can be in", () => {
  it("is exclusive (I1), ordered (I2) and ends (I6, I7) for restarts and deletes, under any queue and any number of faults", () => {
    // With all kinds of requests and with the holds of sweeps: model.long.test.ts.
    expect(flawOf({ ...GATE, requests: ["restart", "delete"], keepers: false })).toBeNull();
  });

  it("needs neither the sweep nor a timer to let the next one in where nothing goes wrong (I7)", () => {
    expect(flawOf(PROMPT)).toBeNull();
  });
});

describe("the search finds what is wrong where", () => {
  it.each(DEFECTS)("$name", ({ rules, scope, breaks }) => {
    expect(flawOf({ ...scope, rules: { ...RULES, ...rules } })).toMatch(breaks);
  });
});
