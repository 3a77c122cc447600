import { describe, expect, it } from "vitest";
import { decide } from "@berth/core/sweeps/breaker";
import type { Action } from "@berth/core/sweeps/sweep";

const LIMITS = { share: 0.2, least: 5 };

const acts = (n: number, more: Partial<Action> = {}): Action[] =>
  Array.from({ length: n }, (_, i) => ({
    key: `k${i}`,
    what: `w${i}`,
    why: "because",
    run: () => Promise.resolve("done"),
    ...more,
  }));
const approvalOf = (...keys: string[]) => ({ by: "alice", at: "2026-01-01", keys });

describe("the breaker", () => {
  it.each([
    { lookedAt: 6, wouldAct: 5, held: false, why: "five are never too many" },
    { lookedAt: 6, wouldAct: 6, held: true, why: "six of six" },
    { lookedAt: 30, wouldAct: 6, held: false, why: "exactly a fifth" },
    { lookedAt: 29, wouldAct: 6, held: true, why: "more than a fifth" },
    { lookedAt: 0, wouldAct: 6, held: true, why: "of nothing" },
  ])("of $wouldAct acts on $lookedAt holds: $held ($why)", ({ lookedAt, wouldAct, held }) => {
    const decision = decide({ lookedAt, actions: acts(wouldAct) }, LIMITS, null);
    expect(decision.held !== null).toBe(held);
    expect(decision.act).toHaveLength(held ? 0 : wouldAct);
    if (held) expect(decision.held).toMatchObject({ looked_at: lookedAt, would_act: wouldAct });
  });

  it("lets through what was approved, and judges the rest by itself", () => {
    const approval = approvalOf("k0", "k1", "k2", "k3");
    const few = decide({ lookedAt: 9, actions: acts(9) }, LIMITS, approval);
    expect(few).toMatchObject({ held: null });
    expect(few.act).toHaveLength(9);
    const many = decide({ lookedAt: 10, actions: acts(10) }, LIMITS, approval);
    expect(many.act.map(({ key }) => key)).toEqual(approval.keys);
    expect(many.held).toMatchObject({ would_act: 6 });
  });

  it("lets through and doesn't count what is harmless", () => {
    const actions = [...acts(6), ...acts(3, { harmless: true })];
    expect(decide({ lookedAt: 9, actions }, LIMITS, null).act).toHaveLength(3);
    expect(decide({ lookedAt: 9, actions: acts(9, { harmless: true }) }, LIMITS, null).held).toBeNull();
  });
});
