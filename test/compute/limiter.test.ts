import { createLimiter, type Limiter } from "@berth/core/compute/limiter";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const draw = [{ bucket: "calls", tokens: 1 }];
const never = new AbortController().signal;

/** Notes who got through, in order. */
function noting(limiter: Limiter) {
  const order: string[] = [];
  return {
    order,
    take: (name: string, priority: "user" | "delete" | "reconcile" = "user", signal = never) =>
      limiter.take(draw, priority, signal).then(
        () => void order.push(name),
        () => void order.push(`${name} gave up`),
      ),
  };
}

describe("the limiter", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test("lets through at once what its bucket holds, and then as much as it refills", async () => {
    const { order, take } = noting(createLimiter({ calls: { size: 3, perSecond: 2 } }));
    for (let n = 0; n < 6; n++) void take(String(n));
    await vi.advanceTimersByTimeAsync(1);
    expect(order).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(510);
    expect(order).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(1_010);
    expect(order).toEqual(["0", "1", "2", "3", "4", "5"]);
  });

  test("lets users go before deletes before reconciling, and equals in the order they came", async () => {
    const { order, take } = noting(createLimiter({ calls: { size: 1, perSecond: 10 } }));
    void take("first");
    void take("sweep", "reconcile");
    void take("delete 1", "delete");
    void take("delete 2", "delete");
    void take("user", "user");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(order).toEqual(["first", "user", "delete 1", "delete 2", "sweep"]);
  });

  test("who gives up leaves the queue, and takes no token with it", async () => {
    const limiter = createLimiter({ calls: { size: 1, perSecond: 1 } });
    const { order, take } = noting(limiter);
    const giveUp = new AbortController();
    void take("first");
    void take("second", "user", giveUp.signal);
    void take("third");
    giveUp.abort();
    await vi.advanceTimersByTimeAsync(1_010);
    expect(order).toEqual(["first", "second gave up", "third"]);
    expect(limiter.waiting()).toBe(0);
    await take("fourth", "user", AbortSignal.abort());
    expect(order.at(-1)).toBe("fourth gave up");
  });

  test("a provider's refusal empties the bucket and slows it down, until it recovers", async () => {
    const limiter = createLimiter({ calls: { size: 10, perSecond: 10 } });
    const { order, take } = noting(limiter);
    for (let n = 0; n < 20; n++) limiter.drain(draw);
    for (let n = 0; n < 10; n++) void take(String(n));
    await vi.advanceTimersByTimeAsync(1_010);
    expect(order.length).toBeGreaterThanOrEqual(2);
    expect(order.length).toBeLessThan(5);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(order).toHaveLength(10);
    for (let n = 0; n < 10; n++) void take(String(n));
    await vi.advanceTimersByTimeAsync(1);
    expect(order).toHaveLength(20);
  });

  test("a draw on two buckets waits for both, and one larger than its bucket for a full one", async () => {
    const limiter = createLimiter({ calls: { size: 5, perSecond: 5 }, things: { size: 10, perSecond: 10 } });
    const batch = [...draw, { bucket: "things", tokens: 100 }];
    await limiter.take(batch, "delete", never);
    let second = false;
    void limiter.take(batch, "delete", never).then(() => (second = true));
    await vi.advanceTimersByTimeAsync(9_000);
    expect(second).toBe(false);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(second).toBe(true);
  });
});
