import { expect, it } from "vitest";
import { coalescing } from "@berth/core/base/coalesce";

it("what is asked for by many while it is under way is asked once, each key by itself, and anew afterwards", async () => {
  const once = coalescing<number>();
  let runs = 0;
  const run = async (): Promise<number> => ++runs;
  expect(await Promise.all([once("a", run), once("a", run), once("b", run)])).toEqual([1, 1, 2]);
  expect(await once("a", run)).toBe(3);
});

it("its failure is told to each who asked, and the next one tries again", async () => {
  const once = coalescing<string>();
  const fails = () => Promise.reject(new Error("down"));
  const both = await Promise.allSettled([once("a", fails), once("a", fails)]);
  expect(both.map((one) => one.status)).toEqual(["rejected", "rejected"]);
  expect(await once("a", async () => "up")).toBe("up");
});
