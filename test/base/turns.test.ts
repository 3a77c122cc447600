import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockGates } from "@berth/core/db/gates";
import { createPool, longestWait, type Pool, transaction, transactionInTurn } from "@berth/core/db/pool";
import { createTurns } from "@berth/core/base/turns";
import { insertWorkspace } from "@berth/core/db/workspaces";
import { newWorkspace } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

describe("turns", () => {
  it("let so many of a key in at once, the others in order, and all other keys beside them", async () => {
    const take = createTurns({ atOnce: 2, waitMs: 60_000 });
    const [first, second] = await Promise.all([take("a"), take("a")]);
    const order: string[] = [];
    const third = take("a").then((end) => (order.push("third"), end));
    const fourth = take("a").then((end) => (order.push("fourth"), end));
    (await take("b"))();
    expect(order).toEqual([]);
    first();
    (await third)();
    (await fourth)();
    second();
    expect(order).toEqual(["third", "fourth"]);
  });

  it("that don't come in time are refused, and those who would wait in vain at once", async () => {
    const take = createTurns({ atOnce: 1, waitMs: 400 });
    const end = await take("a");
    const began = performance.now();
    const late = take("a").catch((error: unknown) => error);
    await expect.poll(() => performance.now() - began, { interval: 5 }).toBeGreaterThan(210);
    await expect(take("a")).rejects.toMatchObject({ code: "overloaded" });
    expect(performance.now() - began).toBeLessThan(400);
    expect(await late).toMatchObject({ code: "overloaded" });
    end();
    (await take("a"))();
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
      transactionInTurn(pool, id, async (tx) => (await lockGates(tx, [id])).length),
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
