import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished, vi } from "vitest";
import type { Backend } from "@berth/core/compute/backend";
import { BackendError } from "@berth/core/compute/backend-error";
import { getOperation, type Operation } from "@berth/core/db/operations";
import { listResources } from "@berth/core/db/resources";
import { why } from "@berth/core/operations/why";
import { cancelOperation } from "@berth/core/requests/cancel";
import { createWorkspace } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import {
  expectNoBreach,
  expectOrder,
  expectSettled,
  expectTrueLedger,
  watchProvider,
} from "../chaos/audit.js";
import { openEc2Fleet } from "../compute/ec2/fleet.js";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { ended } from "../support/wait.js";

describe("an operation that waits for its provider (I15)", () => {
  let fleet: Fleet;
  /** One slot: whatever holds it keeps everything else out. */
  const start = async (env: Record<string, string> = {}) => {
    fleet = await startFleet({ redisUrl: inject("redis").url, env: { BERTH_CONCURRENCY: "1", ...env } });
    await watchProvider(fleet.pool);
    fleet.startWorker();
  };
  afterEach(async () => {
    // A sweep may be at the end of what it does.
    await vi.waitFor(() => expectSettled(fleet.pool));
    await expectNoBreach(fleet.pool);
    await expectOrder(fleet.pool);
    await expectTrueLedger(fleet.pool);
    await fleet.close();
  });

  const create = async () => {
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    return { id: workspace.id, operation: operation.id };
  };
  const online = async () => {
    const { id, operation } = await create();
    await ended(fleet.pool, [operation]);
    return id;
  };
  const remove = async (id: string) =>
    (await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST })).operation!.id;
  /** The provider takes its time from now on, until told otherwise. */
  const slow = (changes: Partial<Backend>) => {
    const quick = Object.fromEntries(
      Object.keys(changes).map((name) => [name, fleet.backend[name as keyof Backend]]),
    );
    Object.assign(fleet.backend, changes);
    return () => Object.assign(fleet.backend, quick);
  };
  const slowStops = () => slow({ stop: async () => "stopping" });
  const waiting = (id: string): Promise<Operation> =>
    vi.waitFor(async () => {
      const operation = await getOperation(fleet.pool, id);
      expect(operation).toMatchObject({ state: "running", next_attempt_at: expect.any(Date) });
      return operation!;
    });

  it("holds no slot, spends no attempt, and says what it waits for", async () => {
    await start();
    const ids = [await online(), await online(), await online()];
    const finish = slowStops();
    const deletes = await Promise.all(ids.map(remove));
    const waits = await Promise.all(deletes.map(waiting));
    expect(waits).toMatchObject(ids.map(() => ({ phase: "stop", waits_for: "stop", attempt: 1 })));
    // Between two looks.
    await vi.waitFor(async () =>
      expect(await why(fleet.pool, ids[0]!)).toMatchObject({
        waits_for: "provider",
        operation: { attempt: 1 },
        summary: expect.stringContaining("waits for its provider since"),
      }),
    );
    await online();
    finish();
    expect(await ended(fleet.pool, deletes)).toMatchObject(
      ids.map(() => ({ state: "succeeded", attempt: 1, takeovers: 0 })),
    );
  });

  it("fails its attempt when the limit is over, which counts from the first look by the database's clock", async () => {
    await start({
      BERTH_STOP_GRACE_MS: "500",
      BERTH_CALL_TIMEOUT_MS: "3000",
      BERTH_RETRY_ATTEMPTS: "2",
      BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "500",
    });
    const id = await online();
    const finish = slowStops();
    const operation = await remove(id);
    const first = await waiting(operation);
    const [failed] = await ended(fleet.pool, [operation]);
    expect(failed).toMatchObject({
      state: "failed",
      attempt: 2,
      error: { message: expect.stringContaining("is still running after 4 s") },
    });
    // Two attempts of 3.5 s each: one whose every look began anew would never end.
    expect(failed!.finished_at!.getTime() - first.waiting_since!.getTime()).toBeGreaterThan(5_000);
    finish();
    await vi.waitFor(
      async () =>
        expect((await listResources(fleet.pool, id)).filter(({ state }) => state !== "gone")).toEqual([]),
      { timeout: 60_000 },
    );
  });

  it("ends soon when a delete comes, or when somebody cancels it (I2)", async () => {
    await start();
    const ids = [await online(), await online()];
    const finish = slowStops();
    const restarts = await Promise.all(
      ids.map(async (id) => (await requestRestart(fleet.context, id, BY_TEST)).operation.id),
    );
    await Promise.all(restarts.map(waiting));
    const removal = await remove(ids[0]!);
    await cancelOperation(fleet.context, restarts[1]!, BY_TEST);
    // Between two looks; one that is looking just now ends after that.
    expect(await ended(fleet.pool, restarts)).toMatchObject([{ state: "cancelled" }, { state: "cancelled" }]);
    finish();
    await ended(fleet.pool, [removal, await remove(ids[1]!)]);
  });

  it("asks again for a launch that isn't up, and has its instance in the ledger meanwhile (I3)", async () => {
    await start();
    const launch = fleet.backend.launch.bind(fleet.backend);
    const finish = slow({
      launch: async (request, call) => ({ ...(await launch(request, call)), starting: true }),
    });
    const { id, operation } = await create();
    expect(await waiting(operation)).toMatchObject({ phase: "launch", waits_for: "launch", attempt: 1 });
    const instances = (await listResources(fleet.pool, id)).filter(({ kind }) => kind === "instance");
    expect(instances).toMatchObject([{ state: "present", provider_id: expect.any(String) }]);
    finish();
    expect(await ended(fleet.pool, [operation])).toMatchObject([{ state: "succeeded", attempt: 1 }]);
  });
});

describe("launches that hang, in all slots of their place (I15)", () => {
  it("keep no delete waiting: it interrupts one of them, and takes none of their slots", async () => {
    const fleet = await startFleet({
      redisUrl: inject("redis").url,
      // Leases so long that only the beat of a second tells of a cancellation.
      env: { BERTH_CONCURRENCY: "3", BERTH_LEASE_MS: "60000" },
    });
    onTestFinished(() => fleet.close());
    fleet.startWorker();
    const create = async () => (await createWorkspace(fleet.context, newWorkspace(), BY_TEST)).workspace.id;
    const remove = async (id: string) =>
      (await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST })).operation!;
    const other = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    await ended(fleet.pool, [other.operation.id]);
    const pulling = new Set<string>();
    // As the pull of an image from a registry that answers nothing more: only `unwanted` ends it.
    const launch = fleet.backend.launch.bind(fleet.backend);
    Object.assign(fleet.backend, {
      launch: ({ instance }, { signal, unwanted }) =>
        new Promise((_, reject) => {
          pulling.add(instance.workspaceId);
          const end = () => reject(new BackendError("aborted", "transient", "the pull was given up"));
          for (const one of [signal, unwanted!]) one.addEventListener("abort", end, { once: true });
        }),
    } satisfies Pick<Backend, "launch">);
    const ids = [await create(), await create(), await create(), await create()];
    await vi.waitUntil(() => pulling.size === 3, { timeout: 20_000 });
    const removals = [await remove(other.workspace.id), await remove([...pulling][0]!)];
    const done = await ended(
      fleet.pool,
      removals.map(({ id }) => id),
    );
    for (const [index, { state, finished_at }] of done.entries()) {
      expect(state).toBe("succeeded");
      // A renewal of these leases would have come after 20 s.
      expect(finished_at!.getTime() - removals[index]!.created_at.getTime()).toBeLessThan(10_000);
    }
    Object.assign(fleet.backend, { launch });
    await ended(
      fleet.pool,
      await Promise.all(ids.filter((id) => id !== [...pulling][0]).map(async (id) => (await remove(id)).id)),
    );
  });
});

describe("ten deletes on EC2, of instances that take 6 s to shut down, on a worker of two slots", () => {
  let fleet: Awaited<ReturnType<typeof openEc2Fleet>>;
  beforeEach(async () => {
    fleet = await openEc2Fleet({
      server: { delays: { shuttingDown: 6_000 } },
      ec2: { stopGraceMs: 30_000, startTimeoutMs: 60_000 },
      env: { BERTH_CONCURRENCY: "2", BERTH_STOP_GRACE_MS: "30000" },
    });
  });

  it("leave room for a create, and each ends with its first attempt (I15)", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => fleet.provisioned()));
    const deletes = await Promise.all(
      ids.map(
        async (id) =>
          (await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST })).operation!.id,
      ),
    );
    const { operation } = await fleet.create();
    const [created] = await ended(fleet.pool, [operation]);
    expect(created).toMatchObject({ state: "succeeded" });
    const all = await ended(fleet.pool, deletes);
    expect(all).toMatchObject(deletes.map(() => ({ state: "succeeded", attempt: 1 })));
    // Two at a time they would have taken 30 s, and the create would have come after them.
    const last = Math.max(...all.map(({ finished_at }) => finished_at!.getTime()));
    expect(created!.finished_at!.getTime()).toBeLessThan(last);
    expect(last - Math.min(...all.map(({ created_at }) => created_at.getTime()))).toBeLessThan(25_000);
  });
});
