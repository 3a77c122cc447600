import { fileURLToPath } from "node:url";
import { expect, inject, it } from "vitest";
import { createTestDatabase } from "../support/postgres.js";
import { openBerth } from "./peers/berth.js";
import { measure, type Measured } from "./peers/gate.js";
import { openPeer, type System } from "./peers/systems.js";
import { violationsOf } from "./peers/violations.js";

const NONE = { overlaps: 0, overtaken: 0, lost: 0, doubled: 0 };
const LOAD = { jobs: 400, keys: 40 };
/** What an operation may cost in Node, of what a plain job does that keeps no order and isn't durable: twice what it does. CPU, so other work on the machine matters little. */
const TIMES_PLAIN = 18;
/** Those of Node: the servers are shared with other tests. */
const nodes = ({ cpu }: Measured): number => cpu.producer + cpu.worker;

it("what is measured keeps its promises, and costs no more beside plain jobs than it may: none overlaps, is overtaken, lost or doubled (I1, I2, I6)", async () => {
  const database = await createTestDatabase();
  const place = {
    // BullMQ as this repository has it.
    folder: fileURLToPath(new URL("../..", import.meta.url)),
    redisUrl: inject("redis").url,
    databaseUrl: database.url,
    keys: LOAD.keys,
    workers: 1,
  };
  const once = async (opening: Promise<System>): Promise<Measured> => {
    const system = await opening;
    try {
      return await measure(system, LOAD, { cpu: () => ({ postgres: 0, redis: 0 }) });
    } finally {
      await system.close();
    }
  };
  try {
    const plain = await once(openPeer("bullmq", place));
    const berth = await once(openBerth(place));
    expect(berth).toMatchObject(NONE);
    expect(berth.waits.filter((ms) => ms > 0)).toHaveLength(LOAD.jobs);
    expect(nodes(plain)).toBeGreaterThan(0);
    expect(nodes(berth) / nodes(plain)).toBeLessThan(TIMES_PLAIN);
  } finally {
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
  // Those that were asked for at the same time may run in any order.
  const sound = [run(1, 5, 6), run(4, 6, 7), run(2, 7, 8), run(3, 8, 9)];
  expect(violationsOf(asked, sound)).toEqual(NONE);
  expect(violationsOf(asked, sound.slice(0, 3))).toEqual({ ...NONE, lost: 1 });
  expect(violationsOf(asked, [...sound, run(3, 9, 10)])).toEqual({ ...NONE, doubled: 1 });
  expect(violationsOf(asked, [run(2, 5, 6), run(1, 6, 7), run(3, 7, 8), run(4, 8, 9)])).toEqual({
    ...NONE,
    overtaken: 1,
  });
  expect(violationsOf(asked, [run(1, 5, 7), run(2, 6, 8), run(3, 8, 9), run(4, 9, 9)])).toEqual({
    ...NONE,
    overlaps: 1,
  });
});
