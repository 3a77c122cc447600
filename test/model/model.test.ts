import { describe, expect, it } from "vitest";
import { DEFECTS } from "./defects.js";
import { explore } from "./explore.js";
import { RULES } from "./rules.js";
import { GATE, MENDED, PROMPT } from "./scopes.js";
import { story } from "./sentences.js";

/** The story of what is wrong, so that a failure shows it; null if nothing is. */
function flawOf(scope: Parameters<typeof explore>[0]): string | null {
  const { flaw } = explore(scope);
  return flaw === null ? null : story(flaw);
}

describe("the gate's protocol, in every state that it can be in", () => {
  it("is exclusive (I1), ordered (I2) and ends (I6, I7) under any queue and any number of faults", () => {
    expect(flawOf(GATE)).toBeNull();
  });

  it("needs neither the sweep nor a timer to let the next one in where nothing goes wrong (I7)", () => {
    expect(flawOf(PROMPT)).toBeNull();
  });

  it("ends all that was accepted after a crash, a loss or a stale queue at any point (I6, I7)", () => {
    expect(flawOf(MENDED)).toBeNull();
  });
});

describe("the search finds what is wrong where", () => {
  it.each(DEFECTS)("$name", ({ rules, scope, breaks }) => {
    expect(flawOf({ ...scope, rules: { ...RULES, ...rules } })).toMatch(breaks);
  });
});
