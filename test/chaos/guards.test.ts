import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { BackendError } from "@berth/core/compute/backend-error";
import { lockGates } from "@berth/core/db/gates";
import { getOperation } from "@berth/core/db/operations";
import { isDatabaseUnavailable, transaction } from "@berth/core/db/pool";
import { batched } from "@berth/core/base/batch";
import type { Hold } from "@berth/core/db/gates";
import { createGate } from "@berth/core/gate/gate";
import { createLeaseKeeper } from "@berth/core/gate/lease";
import { CancelledError, LeaseLostError } from "@berth/core/gate/verdict";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { ended } from "../support/wait.js";

describe("a lease", () => {
  const hold = {
    workspaceId: randomUUID(),
    operationId: randomUUID(),
    ticket: 1,
    fence: 1,
    place: "process",
  };
  const keeper = (renew: Parameters<typeof createLeaseKeeper<Hold>>[0]["renew"], leaseMs = 300) =>
    createLeaseKeeper({ renew, leaseMs, onError: () => undefined });

  it("counts from before the claim was sent, so that a pause right after it can't lengthen it (I1)", () => {
    const leases = keeper(() => new Promise(() => undefined));
    const lease = leases.keep(hold, performance.now() - 301);
    expect(() => lease.check()).toThrow(LeaseLostError);
    leases.close();
  });

  it("of an attempt that this same process has claimed again ends the older attempt (I1)", () => {
    const leases = keeper(() => new Promise(() => undefined));
    const older = leases.keep(hold, performance.now());
    const newer = leases.keep({ ...hold, fence: 2 }, performance.now());
    expect(older.signal.aborted).toBe(true);
    expect(() => older.check()).toThrow(LeaseLostError);
    older.drop();
    expect(() => newer.check()).not.toThrow();
    leases.close();
  });

  it("that can't be renewed ends its attempt when it runs out, and not before", async () => {
    const leases = keeper(() => Promise.reject(new Error("the database is down")));
    const began = performance.now();
    const lease = leases.keep(hold, began);
    await vi.waitUntil(() => lease.signal.aborted, { interval: 5 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(300);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
    leases.close();
  });

  it("whose renewal tells of a delete stops at the next safe point", async () => {
    const leases = keeper(async () => [{ operation_id: hold.operationId, cancel_requested: true }]);
    const lease = leases.keep(hold, performance.now());
    await vi.waitFor(() => expect(() => lease.check()).toThrow(CancelledError));
    expect(lease.signal.aborted, "what it is in the middle of goes on").toBe(false);
    leases.close();
  });
});

describe("a batch", () => {
  it("that met an unreachable database fails at once for all, not once for each", async () => {
    const runs: number[] = [];
    const down = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const call = batched<number, number>(64, isDatabaseUnavailable, async (items) => {
      runs.push(items.length);
      throw down;
    });
    const results = await Promise.allSettled([1, 2, 3, 4].map((n) => call(n)));
    expect(results.every((result) => result.status === "rejected")).toBe(true);
    expect(runs).toEqual([1, 3]);
  });

  it("with one poisoned item fails for that one alone", async () => {
    const call = batched<number, number>(64, isDatabaseUnavailable, async (items) => {
      if (items.includes(2)) throw new Error("poison");
      return items;
    });
    const results = await Promise.allSettled([1, 2, 3, 4].map((n) => call(n)));
    expect(results.map((result) => result.status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
  });
});

describe("the gate", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet({ redisUrl: null });
  });
  afterAll(() => fleet.close());
  const gateOf = (owner: string, leaseMs = 60_000) =>
    createGate({ pool: fleet.pool, dispatcher: fleet.queues.dispatcher, owner, leaseMs });
  const expireLease = (workspaceId: string) =>
    fleet.pool.query(
      "update gates set lease_until = clock_timestamp() - interval '1 second' where workspace_id = $1",
      [workspaceId],
    );

  it("of a worker that froze inside a transaction is free again while it is frozen (I7)", async () => {
    const { workspace } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    let locked = () => {};
    const isLocked = new Promise<void>((resolve) => (locked = resolve));
    let thaw = () => {};
    const thawed = new Promise<void>((resolve) => (thaw = resolve));
    const frozen = transaction(fleet.pool, async (tx) => {
      await lockGates(tx, [workspace.id]);
      locked();
      await thawed;
      await tx.query("update workspaces set status = 'failed' where id = $1", [workspace.id]);
    });
    await isLocked;
    // The frozen one is thawed only after that.
    expect(await gateOf("other").claim(workspace.id, 1)).not.toBeNull();
    thaw();
    // Taken like a database that went away: the attempt isn't blamed for it.
    expect(await frozen.catch((error: unknown) => error)).toSatisfy(isDatabaseUnavailable);
  });

  it("that a crashed sweep held doesn't take the next operation for a resumed one", async () => {
    const { workspace } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    const gate = gateOf("worker");
    const first = await gate.claim(workspace.id, 1);
    await gate.finish({
      hold: first!.hold,
      state: "succeeded",
      error: null,
      status: "online",
      statusReason: null,
      events: [],
    });
    expect(await gate.holdIdle(workspace.id)).not.toBeNull();
    const { operation } = await requestRestart(fleet.context, workspace.id, BY_TEST);
    expect(await gate.claim(workspace.id, operation.ticket), "the sweep holds it").toBeNull();
    await expireLease(workspace.id);
    const claimed = await gate.claim(workspace.id, operation.ticket);
    expect(claimed!.operation).toMatchObject({ attempt: 1, takeovers: 0 });
    await gate.handBack(claimed!.hold);
    expect(await getOperation(fleet.pool, operation.id)).toMatchObject({ attempt: 0, state: "running" });
  });

  it.each(["fails", "succeeds"] as const)(
    "lets a worker whose call %s too late record nothing (I9)",
    async (how) => {
      const worker = fleet.startWorker({ config: { ...fleet.config, leaseMs: 60_000 } });
      const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
      await ended(fleet.pool, [operation.id]);
      const record = async () =>
        (
          await fleet.pool.query(
            `select to_jsonb(w) as w, to_jsonb(g) as g, to_jsonb(o) as o,
               (select jsonb_agg(to_jsonb(r) order by id) from resources r where r.workspace_id = w.id) as r,
               (select count(*) from structure_events e where e.workspace_id = w.id) as e
             from workspaces w join gates g on g.workspace_id = w.id join operations o on o.workspace_id = w.id
             where w.id = $1 order by o.ticket`,
            [workspace.id],
          )
        ).rows;
      const { stop } = fleet.backend;
      let taken: unknown;
      // Its gate passes to another while it is inside the call, and it has no way to know.
      fleet.backend.stop = async () => {
        await fleet.pool.query(
          "update gates set fence = fence + 1, owner = 'other', lease_until = clock_timestamp() + interval '1 minute' where workspace_id = $1",
          [workspace.id],
        );
        taken ??= await record();
        if (how === "succeeds") return "gone";
        throw new BackendError("backend_failed", "transient", "failed late");
      };
      const removal = await removeWorkspace(fleet.context, workspace.id, { cascade: false, ...BY_TEST });
      await vi.waitUntil(() => taken, { interval: 10 });
      await worker.close();
      fleet.backend.stop = stop;
      expect(await record()).toEqual(taken);
      expect(await getOperation(fleet.pool, removal.operation!.id)).toMatchObject({ state: "running" });
    },
    40_000,
  );
});
