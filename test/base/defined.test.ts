import { defined } from "@berth/core/base/defined";
import { expect, expectTypeOf, it } from "vitest";

it("what is undefined is left out, and nothing else", () => {
  const given = defined({ a: undefined, b: null, c: 0, d: "", e: false });
  expect(Object.keys(given)).toEqual(["b", "c", "d", "e"]);
  const limit = (process.argv.length > 0 ? 5 : undefined) as number | undefined;
  expectTypeOf(defined({ limit, name: "x" })).toExtend<{ limit?: number; name: string }>();
});
