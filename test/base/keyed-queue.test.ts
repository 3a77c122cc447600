import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockGates } from "@berth/core/db/gates";
import { createPool, longestWait, type Pool, transaction, queuedTransaction } from "@berth/core/db/pool";
import { createKeyedQueue } from "@berth/core/base/keyed-queue";
import { insertWorkspace } from "@berth/core/db/workspaces";
import { newWorkspace } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

/** Runs that end when the test says so. */
function heldRuns({ atOnce = 1, waitMs = 60_000 } = {}) {
  const queue = createKeyedQueue({ atOnce, waitMs });
  const runs: { key: string; calls: number; end: (result: string) => void; fail: (error: Error) => void }[] =
    [];
  let count = 0;
  const call = (key: string, alike: object | null = null): Promise<string> =>
    queue.runTogether<number, string>(
      key,
      alike,
      ++count,
      (calls) =>
        new Promise((resolve, reject) =>
          runs.push({
            key,
            calls: calls.length,
            end: (result) => resolve(calls.map((one) => `${result} ${one}`)),
            fail: reject,
          }),
        ),
    );
  return { queue, runs, call };
}

describe("a queue by key", () => {
  it("lets so many of a key run at once, the others in order, and all other keys beside them", async () => {
    const { queue, runs, call } = heldRuns({ atOnce: 2 });
    const all = ["a", "a", "a", "a"].map((key) => call(key));
    expect(await queue.run("b", async () => "beside")).toBe("beside");
    expect(runs).toHaveLength(2);
    runs[0]!.end("one");
    await expect.poll(() => runs.length).toBe(3);
    runs[2]!.end("three");
    await expect.poll(() => runs.length).toBe(4);
    runs[1]!.end("two");
    runs[3]!.end("four");
    expect(await Promise.all(all)).toEqual(["one 1", "two 2", "three 3", "four 4"]);
  });

  it("refuses what isn't let in in time, and who would wait in vain at once, but not who joins one that waits", async () => {
    const { runs, call } = heldRuns({ waitMs: 400 });
    const running = call("a");
    const began = performance.now();
    const late = call("a", { of: "one kind" }).catch((error: unknown) => error);
    await expect.poll(() => performance.now() - began, { interval: 5 }).toBeGreaterThan(210);
    await expect(call("a")).rejects.toMatchObject({ code: "overloaded" });
    expect(performance.now() - began).toBeLessThan(400);
    const joined = call("a", { of: "one kind" }).catch((error: unknown) => error);
    expect(await late).toMatchObject({ code: "overloaded" });
    expect(await joined).toMatchObject({ code: "overloaded" });
    runs[0]!.end("first");
    await running;
    const next = call("a");
    runs[1]!.end("second");
    expect(await next).toBe("second 5");
  });

  it("serves equal calls that wait together, never by a run that had begun before them (I2)", async () => {
    const { runs, call } = heldRuns();
    const first = call("a", { by: "alice", version: undefined });
    const later = ["alice", "alice", "bob", "alice"].map((by) => call("a", { by }));
    expect(runs.map(({ calls }) => calls)).toEqual([1]);
    runs[0]!.end("one");
    expect(await first).toBe("one 1");
    await expect.poll(() => runs.length).toBe(2);
    expect(runs[1]!.calls).toBe(3);
    const afterwards = call("a", { by: "alice" });
    runs[1]!.end("two");
    await expect.poll(() => runs.length).toBe(3);
    expect(runs[2]!.calls).toBe(1);
    runs[2]!.end("three");
    expect(await Promise.all(later)).toEqual(["two 2", "two 3", "three 4", "two 5"]);
    await expect.poll(() => runs.length).toBe(4);
    runs[3]!.end("four");
    expect(await afterwards).toBe("four 6");
  });

  it("gives all of a run that fails its error, and the next ones a run of their own", async () => {
    const { runs, call } = heldRuns();
    const first = call("a", {});
    const second = [call("a", {}), call("a", {})];
    runs[0]!.fail(new Error("no"));
    await expect(first).rejects.toThrow("no");
    await expect.poll(() => runs.length).toBe(2);
    runs[1]!.fail(new Error("nor this"));
    for (const one of second) await expect(one).rejects.toThrow("nor this");
    const third = call("a", {});
    await expect.poll(() => runs.length).toBe(3);
    runs[2]!.end("yes");
    expect(await third).toBe("yes 4");
  });
});

describe("a pool of three connections", () => {
  let database: TestDatabase;
  let pool: Pool;
  beforeAll(async () => {
    database = await createTestDatabase();
    pool = createPool(database.url, { max: 3 });
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  it("goes on serving others while a hundred requests wait for one gate", async () => {
    const id = randomUUID();
    await transaction(database.pool, (tx) => insertWorkspace(tx, { ...newWorkspace(), id }));
    const holder = await database.pool.connect();
    await holder.query("begin");
    const [gate] = await lockGates(holder, [id]);
    expect(gate).toBeDefined();
    const storm = Array.from({ length: 100 }, () =>
      queuedTransaction(pool, id, async (tx) => (await lockGates(tx, [id])).length),
    );
    const others = await Promise.all(
      Array.from({ length: 20 }, () => transaction(pool, (tx) => tx.query("select 1"))),
    );
    expect(others).toHaveLength(20);
    expect(longestWait(pool)).toBe(0);
    await holder.query("commit");
    holder.release();
    expect(await Promise.all(storm)).toEqual(Array.from({ length: 100 }, () => 1));
  });

  it("tells how long the first of those that wait for a connection has waited", async () => {
    const clients = await Promise.all([1, 2, 3].map(() => pool.connect()));
    expect(longestWait(pool)).toBe(0);
    const waiting = [pool.connect(), pool.query("select 1")] as const;
    await expect.poll(() => longestWait(pool), { interval: 5 }).toBeGreaterThan(50);
    for (const client of clients) client.release();
    (await waiting[0]).release();
    await waiting[1];
    expect(longestWait(pool)).toBe(0);
  });
});
