import { afterEach, describe, expect, it, vi } from "vitest";
import type { Hold } from "@berth/core/db/gates";
import { createLeaseKeeper, type LeaseKeeper } from "@berth/core/gate/lease";
import { CancelledError, LeaseLostError } from "@berth/core/gate/verdict";

const HOLD: Hold = { workspaceId: "w", operationId: "o", ticket: 1, fence: 1, place: "process" };
const LEASE_MS = 30;

describe("a kept lease", () => {
  let keeper: LeaseKeeper;
  afterEach(() => keeper.close());

  /** A keeper whose time stands still unless told otherwise, and whose database answers as `answer` says. */
  function keep(answer: () => Promise<{ operation_id: string; cancel_requested: boolean }[]>) {
    const time = { ms: 1_000 };
    keeper = createLeaseKeeper({
      renew: answer,
      leaseMs: LEASE_MS,
      onError: () => undefined,
      clock: { monotonic: () => time.ms },
    });
    return { time, lease: keeper.keep(HOLD, time.ms) };
  }

  it("is lost at the first look after a pause that outlasted it, before any timer has run (I9)", () => {
    const { time, lease } = keep(() => new Promise(() => undefined));
    time.ms += LEASE_MS;
    expect(() => lease.check()).not.toThrow();
    time.ms += 1;
    expect(() => lease.check()).toThrow(LeaseLostError);
    expect(lease.signal.aborted).toBe(true);
  });

  it("is lost when the gate is no longer held under its fence (I1)", async () => {
    const { lease } = keep(() => Promise.resolve([]));
    await vi.waitFor(() => expect(lease.signal.reason).toBeInstanceOf(LeaseLostError));
  });

  it("outlives a database that doesn't answer only until its own end", async () => {
    let tries = 0;
    const { time, lease } = keep(() => Promise.reject(new Error(`down ${++tries}`)));
    await vi.waitFor(() => expect(tries).toBeGreaterThan(2));
    expect(() => lease.check()).not.toThrow();
    time.ms += LEASE_MS + 1;
    await vi.waitFor(() => expect(lease.signal.aborted).toBe(true));
  });

  it("tells of a delete at the next safe point, and doesn't abort what is under way (I2)", async () => {
    const { lease } = keep(() => Promise.resolve([{ operation_id: "o", cancel_requested: true }]));
    await vi.waitFor(() => expect(() => lease.check()).toThrow(CancelledError));
    expect(lease.signal.aborted).toBe(false);
  });
});
