import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { withDeadline } from "@berth/core/deadline";
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

  it("ends when it is told to, with the reason given", async () => {
    const told = new AbortController();
    const work = withDeadline(60_000, [told.signal], hang);
    told.abort(new Error("enough"));
    await expect(work).rejects.toThrow("enough");
    await expect(withDeadline(60_000, [told.signal], async (signal) => signal.aborted)).resolves.toBe(true);
  });
});
