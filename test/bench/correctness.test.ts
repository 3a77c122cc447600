import { expect, inject, it } from "vitest";
import { createTestDatabase } from "../support/postgres.js";
import { openBerth } from "./peers/berth.js";
import { measure } from "./peers/gate.js";
import { violationsOf } from "./peers/violations.js";

it("what is measured keeps its promises: none overlaps, is overtaken, lost or doubled (I1, I2, I6)", async () => {
  const database = await createTestDatabase();
  const place = { folder: "", redisUrl: inject("redis").url, databaseUrl: database.url, keys: 20 };
  const berth = await openBerth(place);
  try {
    const { perSecond, cpu, ...violations } = await measure(
      berth,
      { jobs: 200, keys: 20 },
      { postgres: 0, redis: 0 },
    );
    expect(violations).toEqual({ overlaps: 0, overtaken: 0, lost: 0, doubled: 0 });
    expect(perSecond).toBeGreaterThan(0);
    expect(cpu.worker).toBeGreaterThan(0);
  } finally {
    await berth.close();
    await database.drop();
  }
});

it("a figure is refused to what breaks one of them", () => {
  const asked = new Map([
    [1, { key: "k", from: 0, until: 1 }],
    [2, { key: "k", from: 2, until: 3 }],
    [3, { key: "k", from: 2, until: 4 }],
    [4, { key: "k", from: 2, until: 4 }],
  ]);
  const run = (seq: number, start: number, done: number) => ({ key: "k", seq, start, done });
  const none = { overlaps: 0, overtaken: 0, lost: 0, doubled: 0 };
  // Those that were asked for at the same time may run in any order.
  const sound = [run(1, 5, 6), run(4, 6, 7), run(2, 7, 8), run(3, 8, 9)];
  expect(violationsOf(asked, sound)).toEqual(none);
  expect(violationsOf(asked, sound.slice(0, 3))).toEqual({ ...none, lost: 1 });
  expect(violationsOf(asked, [...sound, run(3, 9, 10)])).toEqual({ ...none, doubled: 1 });
  expect(violationsOf(asked, [run(2, 5, 6), run(1, 6, 7), run(3, 7, 8), run(4, 8, 9)])).toEqual({
    ...none,
    overtaken: 1,
  });
  expect(violationsOf(asked, [run(1, 5, 7), run(2, 6, 8), run(3, 8, 9), run(4, 9, 9)])).toEqual({
    ...none,
    overlaps: 1,
  });
});
