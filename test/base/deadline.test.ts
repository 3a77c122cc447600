import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { untilAny, unlessAborted, within, withDeadline } from "@berth/core/base/deadline";
import { describe, expect, it } from "vitest";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Never ends by itself. */
const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

describe("work with a deadline", () => {
  it("ends with it, whatever was garbage-collected meanwhile (I7)", async () => {
    const alive = new AbortController();
    const all = Array.from({ length: 50 }, () => withDeadline(300, [alive.signal], hang));
    const ended = Promise.allSettled(all);
    for (let n = 0; n < 5; n++) {
      await turn();
      collect();
    }
    const reasons = (await ended).map((one) =>
      one.status === "rejected" ? (one.reason as Error).name : "none",
    );
    expect(new Set(reasons)).toEqual(new Set(["TimeoutError"]));
  });

  it("leaves nothing behind, however often and by how many at once one signal is waited for", async () => {
    const alive = new AbortController();
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on("warning", note);
    const round = async (count: number) => {
      const work = async (signal: AbortSignal) => {
        signal.addEventListener("abort", () => undefined);
        await turn();
      };
      for (let n = 0; n < count; n += 50)
        await Promise.all(Array.from({ length: 50 }, () => untilAny([alive.signal], work)));
      await turn();
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = await round(1_000);
    const after = await round(10_000);
    process.off("warning", note);
    expect(warnings).toEqual([]);
    // AbortSignal.any keeps 10 MB of them.
    expect(after - before).toBeLessThan(2_000_000);
    expect(getEventListeners(alive.signal, "abort")).toEqual([]);
  });

  it("ends when it is told to, with the reason given", async () => {
    const told = new AbortController();
    const work = withDeadline(60_000, [told.signal], hang);
    told.abort(new Error("enough"));
    await expect(work).rejects.toThrow("enough");
    await expect(withDeadline(60_000, [told.signal], async (signal) => signal.aborted)).resolves.toBe(true);
  });
});

describe("work that obeys no signal", () => {
  const deaf = new Promise<never>(() => undefined);

  it("is over with its time limit all the same (I7)", async () => {
    await expect(within(20, [], () => deaf)).rejects.toThrow("not done within 20 ms");
    const told = new AbortController();
    const work = within(60_000, [told.signal], () => deaf);
    told.abort(new Error("enough"));
    await expect(work).rejects.toThrow("enough");
    await expect(within(60_000, [told.signal], () => deaf)).rejects.toThrow("enough");
  });

  it("may end as it likes once nobody waits for it", async () => {
    const told = new AbortController();
    const late = turn().then(() => Promise.reject(new Error("late")));
    const work = unlessAborted(told.signal, late);
    told.abort(new Error("enough"));
    await expect(work).rejects.toThrow("enough");
    await turn();
    expect(getEventListeners(told.signal, "abort")).toEqual([]);
  });

  it("is as good as any other while it is in time", async () => {
    await expect(within(60_000, [], async () => 7)).resolves.toBe(7);
    await expect(within(60_000, [], () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  });
});
