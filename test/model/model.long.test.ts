import { describe, expect, it } from "vitest";
import { GATE, MENDED } from "./scopes.js";
import { flawOf } from "./sentences.js";

describe("the gate's protocol, in every state that it can be in", () => {
  it("is exclusive (I1), ordered (I2) and ends (I6, I7) under any queue and any number of faults", () => {
    expect(flawOf(GATE)).toBeNull();
  });

  it("ends all that was accepted after a crash, a loss or a stale queue at any point (I6, I7)", () => {
    expect(flawOf(MENDED)).toBeNull();
  });
});
