import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { removeWorkspace } from "@berth/core/requests/delete";
import { BY_TEST } from "../support/fleet.js";
import { cadence } from "./cadence.js";
import { openStage, type Stage } from "./stage.js";

const STEP_MS = 5_000;
const GRACE_MS = 120_000;

/** On the default cadence, in virtual time, with things going wrong at every phase of it. */
describe("with the default cadence", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ BERTH_RETRY_ATTEMPTS: "5" });
  });
  beforeEach(() => stage.clear());
  afterAll(() => stage.close());

  const told = (what: string, times: readonly number[]): void => {
    if (process.env.BERTH_TEST_VERBOSE)
      console.log(`${what}: ${Math.min(...times) / 1000} to ${Math.max(...times) / 1000} s`);
  };

  it.each([0, 15_000, 30_000, 45_000])(
    "what a failed delete left is gone within 60 s of the provider being well again (%i ms after the beat)",
    async (phase) => {
      const clock = cadence(stage, STEP_MS);
      const { id } = await stage.online();
      stage.backend.faults.failBefore = 1;
      await removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST });
      while (clock.now() < 600_000 + phase) await clock.step();
      expect(await stage.things()).toHaveLength(2);
      stage.backend.faults.failBefore = 0;
      const wellAt = clock.now();
      while ((await stage.things()).length > 0) {
        expect(clock.now() - wellAt).toBeLessThan(60_000);
        await clock.step();
      }
      told("failed delete gone after", [clock.now() - wellAt]);
    },
  );

  it("what no row claims is gone within 180 s of its grace age", async () => {
    const clock = cadence(stage, STEP_MS);
    const madeAt = new Map<string, number>();
    const goneAfter: number[] = [];
    // Never more at once than the breaker lets through.
    for (let n = 0; goneAfter.length < 12; n++) {
      if (n % 5 === 0 && madeAt.size + goneAfter.length < 12) madeAt.set(await stage.leak(), clock.now());
      await clock.step();
      const left = await stage.things();
      for (const [id, at] of madeAt)
        if (!left.includes(id)) {
          madeAt.delete(id);
          goneAfter.push(clock.now() - at - GRACE_MS);
        }
      for (const at of madeAt.values()) expect(clock.now() - at).toBeLessThanOrEqual(GRACE_MS + 180_000);
    }
    told("unclaimed thing gone after its grace age by", goneAfter);
    expect(Math.min(...goneAfter)).toBeGreaterThanOrEqual(0);
  });

  it("a workspace whose instance died is back online within 120 s", async () => {
    const clock = cadence(stage, STEP_MS);
    const ids: string[] = [];
    for (let n = 0; n < 8; n++) ids.push((await stage.online()).id);
    while (clock.now() < 60_000) await clock.step();
    const backAfter: number[] = [];
    const deadAt = new Map<string, number>();
    for (let n = 0; backAfter.length < ids.length; n++) {
      // One every 25 s: at every phase of the beat.
      const id = ids[n / 5];
      if (n % 5 === 0 && id !== undefined) {
        await stage.kill((await stage.workspace(id)).instance_id!);
        deadAt.set(id, clock.now());
      }
      await clock.step();
      for (const [dead, at] of deadAt) {
        const { status, generation } = await stage.workspace(dead);
        expect(clock.now() - at).toBeLessThanOrEqual(120_000);
        if (status !== "online" || generation === 1) continue;
        deadAt.delete(dead);
        backAfter.push(clock.now() - at);
      }
    }
    told("dead instance back online after", backAfter);
  });

  it("a silent agent's workspace is restarted within 120 s of its last beat", async () => {
    const clock = cadence(stage, STEP_MS);
    const silent = await stage.withAgent();
    const other = await stage.withAgent();
    const beats = () => stage.beat(other.id);
    while ((await stage.workspace(silent.id)).generation === 1) {
      await clock.step(beats);
      expect(clock.now()).toBeLessThanOrEqual(120_000);
    }
    told("silent agent restarted after", [clock.now()]);
    expect(clock.now()).toBeGreaterThan(90_000);
    expect(await stage.workspace(other.id)).toMatchObject({ status: "online", generation: 1 });
  });
});
