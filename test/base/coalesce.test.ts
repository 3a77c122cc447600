import { describe, expect, it } from "vitest";
import { coalesced } from "@berth/core/base/coalesce";

/** Runs that end when the test says so. */
function heldRuns() {
  const runs: { key: string; calls: number; end: (result: string) => void; fail: (error: Error) => void }[] =
    [];
  const ask = coalesced<number, string>(
    (key, calls) =>
      new Promise((resolve, reject) =>
        runs.push({
          key,
          calls: calls.length,
          end: (result) => resolve(calls.map((call) => `${result} ${call}`)),
          fail: reject,
        }),
      ),
  );
  let count = 0;
  return { runs, call: (key: string) => ask(key, ++count) };
}

describe("coalesced calls", () => {
  it("are served by the next run together, never by the one that had begun before them (I2)", async () => {
    const { runs, call } = heldRuns();
    const first = call("a");
    const later = [call("a"), call("a"), call("a")];
    expect(runs.map(({ calls }) => calls)).toEqual([1]);
    runs[0]!.end("one");
    expect(await first).toBe("one 1");
    await expect.poll(() => runs.length).toBe(2);
    expect(runs[1]!.calls).toBe(3);
    const afterwards = call("a");
    runs[1]!.end("two");
    expect(await Promise.all(later)).toEqual(["two 2", "two 3", "two 4"]);
    await expect.poll(() => runs.length).toBe(3);
    runs[2]!.end("three");
    expect(await afterwards).toBe("three 5");
  });

  it("of different keys don't wait for each other", () => {
    const { runs, call } = heldRuns();
    void call("a");
    void call("b");
    expect(runs.map(({ key }) => key)).toEqual(["a", "b"]);
  });

  it("of a run that fails get its error, and the next ones a run of their own", async () => {
    const { runs, call } = heldRuns();
    const first = call("a");
    const second = call("a");
    runs[0]!.fail(new Error("no"));
    await expect(first).rejects.toThrow("no");
    await expect.poll(() => runs.length).toBe(2);
    runs[1]!.end("yes");
    expect(await second).toBe("yes 2");
  });
});
