import { until } from "@berth/core/base/until";
import { expect, it } from "vitest";

const PACE = { firstMs: 1, longestMs: 4 };

it("looking ends with the first answer", async () => {
  const answers = [null, null, "there"];
  expect(await until({ limitMs: 60_000, ...PACE }, async () => answers.shift()!)).toBe("there");
  expect(answers).toEqual([]);
});

it("looking ends in time, after one look more than its pauses (I7)", async () => {
  let looks = 0;
  const begun = performance.now();
  const last = await until({ limitMs: 20, ...PACE }, async () => {
    looks++;
    return null;
  });
  expect(last).toBeNull();
  expect(looks).toBeGreaterThan(1);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(19);
  let longLooks = 0;
  const late = await until({ limitMs: 1, ...PACE }, async () => {
    const ended = performance.now() + 2;
    while (performance.now() < ended);
    return ++longLooks === 2 ? "seen" : null;
  });
  expect(late, "a look that took all the time isn't the only one").toBe("seen");
  // Without any time there is one look.
  expect(await until({ limitMs: 0, ...PACE }, async () => "at once")).toBe("at once");
});

it("looking ends when it is told to, with the reason given, and with what a look throws", async () => {
  const told = new AbortController();
  const work = until(
    { limitMs: 60_000, firstMs: 60_000, longestMs: 60_000, signal: told.signal },
    async () => {
      queueMicrotask(() => told.abort(new Error("enough")));
      return null;
    },
  );
  await expect(work).rejects.toThrow("enough");
  await expect(
    until({ limitMs: 60_000, ...PACE }, async () => {
      throw new Error("broken");
    }),
  ).rejects.toThrow("broken");
});
