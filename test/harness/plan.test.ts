import { describe, expect, it } from "vitest";
import { targetOf } from "./faults/fault.js";
import { planFaults } from "./faults/plan.js";
import { STORMS } from "./faults/storms.js";
import { SETTINGS } from "./fleet/settings.js";

const TARGETS = {
  apis: ["api-1", "api-2"],
  workers: ["worker-1", "worker-2"],
  links: ["worker-1-postgres", "worker-1-provider"],
  disks: ["postgres", "redis"],
  clocks: ["api-1", "postgres"],
  docker: true,
} as const;
const FIVE_MINUTES = 300_000;

describe("the schedule of faults", () => {
  const plan = planFaults(42, FIVE_MINUTES, TARGETS);

  it("is decided by the seed alone", () => {
    expect(planFaults(42, FIVE_MINUTES, TARGETS)).toEqual(plan);
    expect(planFaults(43, FIVE_MINUTES, TARGETS)).not.toEqual(plan);
  });

  it("breaks something every few seconds, in every way", () => {
    expect(plan.length).toBeGreaterThan(FIVE_MINUTES / 10_000);
    expect(new Set(plan.map(({ kind }) => kind)).size).toBe(14);
  });

  it("breaks nothing that isn't there: without root no Docker daemon, no disks and no clocks", () => {
    const without = planFaults(42, FIVE_MINUTES, { ...TARGETS, docker: false, disks: [], clocks: [] });
    const kinds = new Set(without.map(({ kind }) => kind));
    for (const kind of ["docker", "disk", "clock"] as const) expect(kinds).not.toContain(kind);
    const ways = (of: typeof plan) => new Set(of.flatMap((one) => (one.kind === "strike" ? [one.how] : [])));
    expect(ways(without)).not.toContain("container");
    expect(ways(without)).not.toContain("remove");
  });

  it("holds back nothing that makes something for as long as that may be hidden, also from a caller that is frozen (I4)", () => {
    const settleMs = Number(SETTINGS["BERTH_EC2_SETTLE_MS"]);
    const makes = ({ action = "CreateVolume" }: { action?: string | readonly string[] }) =>
      [action].flat().includes("CreateVolume");
    for (const { rules, visibilityMs = 0 } of Object.values(STORMS)) {
      expect(visibilityMs).toBeLessThan(settleMs);
      for (const rule of rules) if (makes(rule)) expect(rule.ms ?? 0).toBeLessThan(settleMs);
    }
    const ways = [1, 2, 3, 4, 5, 6].flatMap((seed) => planFaults(seed, FIVE_MINUTES, TARGETS));
    const held = ways.filter(
      (one) => one.kind === "network" && one.how === "half-open" && one.link === "worker-1-provider",
    );
    expect(held.length).toBeGreaterThan(0);
    for (const { forMs } of held) expect(forMs).toBeLessThan(settleMs);
  });

  it("has mended all by its end, and breaks nothing that is broken already", () => {
    const until = new Map<string, number>();
    for (const fault of plan) {
      expect(fault.at + fault.forMs).toBeLessThanOrEqual(FIVE_MINUTES);
      expect(fault.at).toBeGreaterThanOrEqual(until.get(targetOf(fault)) ?? 0);
      until.set(targetOf(fault), fault.at + fault.forMs);
    }
  });
});
