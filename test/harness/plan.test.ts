import { describe, expect, it } from "vitest";
import { targetOf } from "./faults/fault.js";
import { planFaults } from "./faults/plan.js";

const TARGETS = {
  apis: ["api-1", "api-2"],
  workers: ["worker-1", "worker-2"],
  links: ["worker-1-postgres"],
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

  it("has mended all by its end, and breaks nothing that is broken already", () => {
    const until = new Map<string, number>();
    for (const fault of plan) {
      expect(fault.at + fault.forMs).toBeLessThanOrEqual(FIVE_MINUTES);
      expect(fault.at).toBeGreaterThanOrEqual(until.get(targetOf(fault)) ?? 0);
      until.set(targetOf(fault), fault.at + fault.forMs);
    }
  });
});
