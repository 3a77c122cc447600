import { windowed } from "@berth/core/base/window";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const fulfilled = (value: string) => ({ status: "fulfilled" as const, value });

describe("calls within a window", () => {
  it("are one when it ends, and those that come later are the next one", async () => {
    const asked: (readonly string[])[] = [];
    const call = windowed<string, string>({ windowMs: 50, max: 10 }, async (items) => {
      asked.push(items);
      return items.map((item) => fulfilled(`${item}!`));
    });
    const first = [call("a"), call("b")];
    await vi.advanceTimersByTimeAsync(49);
    expect(asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await Promise.all(first)).toEqual(["a!", "b!"]);
    const second = call("c");
    await vi.advanceTimersByTimeAsync(50);
    expect(await second).toBe("c!");
    expect(asked).toEqual([["a", "b"], ["c"]]);
  });

  it("are at most so many at a time, none of them left behind", async () => {
    const asked: (readonly number[])[] = [];
    const call = windowed<number, string>({ windowMs: 50, max: 2 }, async (items) => {
      asked.push(items);
      return items.map((item) => fulfilled(String(item)));
    });
    const answers = [1, 2, 3, 4, 5].map((item) => call(item));
    await vi.advanceTimersByTimeAsync(60);
    expect(await Promise.all(answers)).toEqual(["1", "2", "3", "4", "5"]);
    expect(asked).toEqual([[1, 2], [3, 4], [5]]);
  });

  it("fail one by one, all together, or where an answer is missing", async () => {
    const answers = {
      one: [fulfilled("a!"), { status: "rejected" as const, reason: new Error("b is bad") }],
    };
    const call = windowed<string, string>({ windowMs: 1, max: 10 }, async (items) => {
      if (items.includes("all")) throw new Error("no answer");
      return answers.one;
    });
    const messages = (items: string[]) =>
      Promise.all(items.map((item) => call(item).catch((error: Error) => error.message)));
    const mixed = messages(["a", "b", "c"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await mixed).toEqual(["a!", "b is bad", "a batch answered for fewer than it was asked"]);
    const none = messages(["all", "d"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await none).toEqual(["no answer", "no answer"]);
  });
});
