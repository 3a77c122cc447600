import { batched } from "@berth/core/base/batch";
import { describe, expect, it } from "vitest";

/** Runs batches that end when they are told to. */
function stage(max: number, concernsAll = false) {
  const batches: { items: string[]; end: () => void; fail: (error: Error) => void }[] = [];
  const call = batched<string, string>(
    max,
    () => concernsAll,
    (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, end: () => resolve(items.map((item) => `${item}!`)), fail: reject });
      }),
  );
  const batch = async (index: number) => {
    await expect.poll(() => batches.length).toBeGreaterThan(index);
    return batches[index]!;
  };
  return { call, batch, batches };
}

describe("calls in batches", () => {
  it("run a lone call at once, and what comes meanwhile together, so many at a time and in order", async () => {
    const { call, batch, batches } = stage(2);
    const answers = Promise.all(["a", "b", "c", "d"].map((item) => call(item)));
    expect(batches.map(({ items }) => items)).toEqual([["a"]]);
    (await batch(0)).end();
    const second = await batch(1);
    expect(second.items).toEqual(["b", "c"]);
    second.end();
    (await batch(2)).end();
    expect(await answers).toEqual(["a!", "b!", "c!", "d!"]);
    expect(batches[2]!.items).toEqual(["d"]);
  });

  it("try each alone when a batch fails, so that one fails no others", async () => {
    const { call, batch } = stage(10);
    const [first, ...others] = ["a", "good", "bad"].map((item) =>
      call(item).catch((error: Error) => error.message),
    );
    (await batch(0)).end();
    (await batch(1)).fail(new Error("one of two is bad"));
    (await batch(2)).end();
    (await batch(3)).fail(new Error("bad"));
    expect(await Promise.all([first, ...others])).toEqual(["a!", "good!", "bad"]);
  });

  it("fail together with what concerns all of them", async () => {
    const { call, batch, batches } = stage(10, true);
    const answers = ["a", "b", "c"].map((item) => call(item).catch((error: Error) => error.message));
    (await batch(0)).end();
    (await batch(1)).fail(new Error("no database"));
    expect(await Promise.all(answers)).toEqual(["a!", "no database", "no database"]);
    expect(batches).toHaveLength(2);
  });
});
