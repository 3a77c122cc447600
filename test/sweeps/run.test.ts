import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runSweep } from "@berth/core/sweeps/run";
import type { Action, Sweep, SweepDeps } from "@berth/core/sweeps/sweep";
import { openStage, type Stage } from "./stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(() => stage.clear());
afterAll(() => stage.close());

const sweepOf = (actions: Action[], more: Partial<Sweep> = {}): Sweep => ({
  name: "retention",
  limit: 100,
  runLimitMs: 60_000,
  breaker: false,
  perPlace: false,
  plan: () => Promise.resolve({ lookedAt: actions.length, actions }),
  ...more,
});
const act = (key: string, run: Action["run"]): Action => ({ key, what: key, why: "test", run });
const runs = async () =>
  (await stage.pool.query("select counts, error from sweep_runs where finished_at is not null order by id"))
    .rows;

describe("a run of a sweep", () => {
  it("is the only one of its sweep, however many workers want one", async () => {
    let running = 0;
    let most = 0;
    let answered = 0;
    let go: (() => void) | undefined;
    const others = new Promise<void>((resolve) => (go = resolve));
    const sweep = sweepOf([
      act("a", async () => {
        most = Math.max(most, ++running);
        // Until the others have asked, however slowly.
        await others;
        running--;
        return "done";
      }),
    ]);
    const asked = ["x", "y", "z"].map((owner) =>
      runSweep(sweep, stage.deps, owner).finally(() => ++answered === 2 && go?.()),
    );
    const results = await Promise.all(asked);
    expect(results.filter((counts) => counts !== null)).toHaveLength(1);
    expect(most).toBe(1);
    expect(await runs()).toEqual([{ counts: { looked_at: 1, would_act: 1, done: 1 }, error: null }]);
  });

  it("is followed by another worker's 15 s after its worker has died, and counts no more then", async () => {
    let go: (() => void) | undefined;
    const frozen = runSweep(
      sweepOf([act("a", () => new Promise((resolve) => (go = () => resolve("late"))))]),
      stage.deps,
      "frozen",
    );
    await expect.poll(() => go).toBeDefined();
    expect(await runSweep(sweepOf([]), stage.deps, "next")).toBeNull();
    await stage.time.advance(15_001);
    const second = sweepOf([], { plan: () => Promise.resolve({ lookedAt: 7, actions: [], cursor: "mine" }) });
    expect(await runSweep(second, stage.deps, "next")).toMatchObject({ looked_at: 7 });
    go!();
    await frozen;
    const { rows } = await stage.pool.query("select cursor, owner from sweeps");
    expect(rows).toEqual([{ cursor: "mine", owner: null }]);
  });

  it("leaves what it couldn't begin when the worker is to end, and fails no act for it", async () => {
    const ending = new AbortController();
    const done: string[] = [];
    const sweep = sweepOf(
      Array.from({ length: 20 }, (_, n) =>
        act(String(n), async () => {
          done.push(String(n));
          ending.abort();
          return "done";
        }),
      ),
    );
    const counts = await runSweep(sweep, { ...stage.deps, signal: ending.signal }, "ending");
    expect(counts).toMatchObject({ done: done.length, left: 8 });
    expect(done.length).toBeLessThan(20);
  });

  it("warns of nothing when the worker's end breaks it off: no act, probe or list has failed", async () => {
    await stage.online();
    await stage.time.advance(60_000);
    const warned: unknown[] = [];
    const logger = { ...stage.deps.logger, warn: (...line: unknown[]) => warned.push(line) };
    const endingIn = (
      run: (deps: Partial<SweepDeps>, breakOff: () => Promise<never>) => Promise<unknown>,
    ) => {
      const ending = new AbortController();
      const reason = new Error("the worker is ending");
      const breakOff = () => (ending.abort(reason), Promise.reject(reason));
      return run({ logger: logger as never, signal: ending.signal }, breakOff);
    };
    const counts = endingIn((deps, breakOff) =>
      runSweep(sweepOf([act("a", breakOff)]), { ...stage.deps, ...deps }, "ending"),
    );
    expect(await counts).toMatchObject({ left: 1 });
    for (const name of ["instance-state", "docker-orphans"] as const) {
      const ended = endingIn((deps, breakOff) => {
        const backend = { ...stage.backend, probe: breakOff, listOwned: breakOff };
        return stage.run(name, { ...deps, backends: new Map([["process", backend]]) });
      });
      await expect(ended).rejects.toThrow("the worker is ending");
    }
    expect(warned).toEqual([]);
  });

  it("does no more than its limit, those first that its plan has first", async () => {
    const done: string[] = [];
    const actions = Array.from({ length: 10 }, (_, n) =>
      act(String(n), async () => (done.push(String(n)), "done")),
    );
    expect(await runSweep(sweepOf(actions, { limit: 3 }), stage.deps, "x")).toMatchObject({
      would_act: 10,
      done: 3,
    });
    expect(done.toSorted()).toEqual(["0", "1", "2"]);
  });

  it("goes on where the last one ended, unless that one failed", async () => {
    const seen: (string | null)[] = [];
    const sweep = (plan: () => Promise<{ lookedAt: number; actions: Action[]; cursor?: string }>) =>
      sweepOf([], { plan: (_deps, cursor) => (seen.push(cursor), plan()) });
    await runSweep(
      sweep(() => Promise.resolve({ lookedAt: 0, actions: [], cursor: "here" })),
      stage.deps,
      "x",
    );
    await expect(
      runSweep(
        sweep(() => Promise.reject(new Error("no"))),
        stage.deps,
        "x",
      ),
    ).rejects.toThrow("no");
    await runSweep(
      sweep(() => Promise.resolve({ lookedAt: 0, actions: [] })),
      stage.deps,
      "x",
    );
    await runSweep(
      sweep(() => Promise.resolve({ lookedAt: 0, actions: [] })),
      stage.deps,
      "x",
    );
    expect(seen).toEqual([null, "here", "here", null]);
    expect((await runs()).map(({ error }) => error)).toEqual([null, "no", null, null]);
  });
});
