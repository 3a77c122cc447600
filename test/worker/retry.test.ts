import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { BackendError } from "@berth/core/compute/backend-error";
import { listEvents } from "@berth/core/db/events";
import { getOperation, type Operation } from "@berth/core/db/operations";
import { getWorkspace } from "@berth/core/db/workspaces";
import type { Dispatcher } from "@berth/core/gate/dispatcher";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { jobId, operationsQueue, type OperationJob } from "@berth/core/queues/names";
import { openWorker } from "@berth/core/queues/worker";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { liveThings } from "../support/recorded-backend.js";
import { ended } from "../support/wait.js";
import {
  expectNoBreach,
  expectOrder,
  expectSettled,
  expectTrueLedger,
  watchProvider,
} from "../chaos/audit.js";

const FAILS = new BackendError("backend_failed", "transient", "the provider is out of order", {
  providerCode: "503",
});

describe.each(["redis", "postgres"] as const)("on the %s queue", (store) => {
  let fleet: Fleet;
  const start = async (env: Record<string, string> = {}) => {
    fleet = await startFleet({ redisUrl: store === "redis" ? inject("redis").url : null, env });
    await watchProvider(fleet.pool);
  };
  afterEach(async () => {
    await expectSettled(fleet.pool);
    await expectNoBreach(fleet.pool);
    await expectOrder(fleet.pool);
    await expectTrueLedger(fleet.pool);
    await fleet.close();
  });

  const online = async () => {
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    await ended(fleet.pool, [operation.id]);
    return workspace.id;
  };
  const restart = async (id: string) => (await requestRestart(fleet.context, id, BY_TEST)).operation;
  const remove = async (id: string) =>
    (await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST })).operation!;
  const job = ({ workspace_id, ticket }: Operation) =>
    fleet.queues.operationsOf("process").getJob(jobId(workspace_id, ticket));
  /** The operation once it has failed an attempt and waits for the next. */
  const inBackoff = (id: string) =>
    vi.waitUntil(
      async () => {
        const operation = await getOperation(fleet.pool, id);
        return operation!.next_attempt_at !== null && operation;
      },
      { interval: 10 },
    );
  const types = async (id: string) =>
    (await listEvents(fleet.pool, { workspaceId: id, limit: 200 })).map((event) => event.event_type);
  /** Makes a call of the provider fail until told otherwise. */
  const breakCall = (call: "stop" | "launch") => {
    const works = { [call]: fleet.backend[call] };
    Object.assign(fleet.backend, { [call]: () => Promise.reject(FAILS) });
    return () => Object.assign(fleet.backend, works);
  };

  it("an operation in backoff keeps its place: nothing of its group runs before it (I2)", async () => {
    await start({ BERTH_RETRY_DELAY_MS: "1500", BERTH_RETRY_MAX_DELAY_MS: "1500" });
    fleet.startWorker();
    const id = await online();
    const repair = breakCall("stop");
    const first = await restart(id);
    const waiting = await inBackoff(first.id);
    repair();
    const second = await restart(id);
    expect(second.id).not.toBe(first.id);
    // Even woken by force it finds that its turn hasn't come.
    await fleet.queues.dispatcher.wake(second);
    const [one, two] = await ended(fleet.pool, [first.id, second.id]);
    expect(one).toMatchObject({ state: "succeeded", attempt: 2 });
    expect(one!.finished_at!.getTime()).toBeGreaterThanOrEqual(waiting.next_attempt_at!.getTime());
    expect(two).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(two!.started_at!.getTime()).toBeGreaterThanOrEqual(one!.finished_at!.getTime());
  });

  it("the time of the next attempt is the same in PostgreSQL and in the queue", async () => {
    await start({ BERTH_RETRY_DELAY_MS: "20000", BERTH_RETRY_MAX_DELAY_MS: "30000" });
    fleet.startWorker();
    const id = await online();
    const repair = breakCall("stop");
    const began = performance.now();
    const operation = await restart(id);
    const { next_attempt_at } = await inBackoff(operation.id);
    const delayed = await vi.waitUntil(
      async () => {
        // Read after that: before, it may have had no delay yet.
        return (await (await job(operation))!.getState()) === "delayed" && job(operation);
      },
      { interval: 10 },
    );
    const due = delayed!.delay + (delayed!.processedOn ?? delayed!.timestamp);
    // The job's delay counts from when BullMQ has taken the failure, just after PostgreSQL has.
    const late = due - next_attempt_at!.getTime();
    expect(late).toBeGreaterThan(-1_000);
    expect(late).toBeLessThan(1_000 + performance.now() - began);
    repair();
    // Nobody waits for it any more.
    await ended(fleet.pool, [(await remove(id)).id]);
  });

  it("the last attempt's failure is recorded with its cause, told as an event, and the next operation goes on", async () => {
    await start({ BERTH_RETRY_ATTEMPTS: "3" });
    fleet.startWorker();
    const id = await online();
    const repair = breakCall("launch");
    const first = await restart(id);
    await vi.waitUntil(async () => (await getOperation(fleet.pool, first.id))!.state === "running");
    const second = await restart(id);
    const [failed] = await ended(fleet.pool, [first.id]);
    repair();
    expect(failed).toMatchObject({
      state: "failed",
      attempt: 3,
      error: { code: "backend_failed", message: FAILS.message, provider_code: "503" },
    });
    const events = await listEvents(fleet.pool, { workspaceId: id, limit: 100 });
    expect(events.find((event) => event.event_type === "workspace.restart.failed")).toMatchObject({
      operation_id: first.id,
      payload: { phase: "launch", attempts: 3, provider_code: "503" },
    });
    const [next] = await ended(fleet.pool, [second.id]);
    // It may have met the broken provider once more, before it was repaired.
    expect(next).toMatchObject({ state: "succeeded" });
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "online" });
    const finished = await job(first);
    expect(await finished!.getState(), "Bull Board shows it as failed").toBe("failed");
  });

  it("a delete ends an operation in backoff at once, and runs", async () => {
    await start({ BERTH_RETRY_DELAY_MS: "60000", BERTH_RETRY_MAX_DELAY_MS: "60000" });
    fleet.startWorker();
    const id = await online();
    const repair = breakCall("launch");
    const waiting = await restart(id);
    await inBackoff(waiting.id);
    const queued = await restart(id);
    const removal = await remove(id);
    repair();
    const [one, two, last] = await ended(fleet.pool, [waiting.id, queued.id, removal.id]);
    expect(one).toMatchObject({ state: "cancelled", error: { code: "operation_cancelled" } });
    expect(two).toMatchObject({ state: "cancelled", started_at: null });
    expect(last).toMatchObject({ state: "succeeded" });
    expect(await liveThings(fleet.pool)).toEqual([]);
    expect((await types(id)).filter((type) => type === "workspace.restart.cancelled")).toHaveLength(2);
  });

  it("a delete interrupts a running restart at its next safe point, not in the middle of a call (I2)", async () => {
    // Cancels are learnt with the renewal of the lease.
    await start({ BERTH_LEASE_MS: "1500" });
    const worker = fleet.startWorker();
    const id = await online();
    const { launch } = fleet.backend;
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let inside = false;
    fleet.backend.launch = async (...args) => {
      inside = true;
      await held;
      return launch(...args);
    };
    const running = await restart(id);
    await vi.waitUntil(() => inside, { interval: 10 });
    const removal = await remove(id);
    expect(await getOperation(fleet.pool, running.id)).toMatchObject({ state: "running" });
    // The second renewal from here on has seen the answer to the first; the call is left to end.
    const leaseUntil = async () =>
      (await fleet.pool.query("select lease_until::text from gates where workspace_id = $1", [id])).rows[0]
        .lease_until;
    for (let renewals = 0; renewals < 2; renewals++) {
      const before = await leaseUntil();
      await vi.waitUntil(async () => (await leaseUntil()) !== before, { interval: 10 });
    }
    release();
    const [interrupted, last] = await ended(fleet.pool, [running.id, removal.id]);
    expect(interrupted).toMatchObject({ state: "cancelled", phase: "launch" });
    expect(last).toMatchObject({ state: "succeeded" });
    expect(await liveThings(fleet.pool)).toEqual([]);
    await worker.close();
  });

  it("restarts that find one waiting are counted into it, and `if_busy: reject` names it instead", async () => {
    await start();
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    const requests = await Promise.all(Array.from({ length: 7 }, () => restart(workspace.id)));
    expect(new Set(requests.map((one) => one.id)).size).toBe(1);
    await expect(
      requestRestart(fleet.context, workspace.id, { ifBusy: "reject", ...BY_TEST }),
    ).rejects.toMatchObject({ code: "busy", details: { operation_id: requests[0]!.id } });
    fleet.startWorker();
    const [, served] = await ended(fleet.pool, [operation.id, requests[0]!.id]);
    expect(served).toMatchObject({ state: "succeeded", coalesced: 7 });
  });

  it("the end of an operation wakes the one behind it, with no sweep and no park to wait for", async () => {
    await start({ BERTH_SWEEP_DISPATCH_EVERY_MS: "600000", BERTH_PARK_MS: "600000" });
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    const behind = await restart(workspace.id);
    expect(await (await job(behind))!.getState()).toBe("delayed");
    fleet.startWorker();
    const [, woken] = await ended(fleet.pool, [operation.id, behind.id]);
    expect(woken).toMatchObject({ state: "succeeded", attempt: 1 });
  });

  it("a wake-up that was lost, and a job that was lost, are mended by the dispatch sweep (I6)", async () => {
    await start({ BERTH_PARK_MS: "600000" });
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    const behind = await restart(workspace.id);
    const other = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    const { dispatcher } = fleet.queues;
    // The worker's own wake-ups are lost, and so is one head's job; the sweep's are not.
    await (await job(other.operation))!.remove();
    let losing = true;
    const wake: Dispatcher["wake"] = async (one) =>
      one.id !== behind.id || !losing ? dispatcher.wake(one) : false;
    const worker = fleet.startWorker({
      queues: { ...fleet.queues, dispatcher: { ...dispatcher, promote: async () => false, wake } },
    });
    await ended(fleet.pool, [operation.id, other.operation.id]);
    expect(await (await job(behind))!.getState(), "parked").toBe("delayed");
    expect(await getOperation(fleet.pool, behind.id)).toMatchObject({ state: "queued" });
    losing = false;
    const [mended] = await ended(fleet.pool, [behind.id]);
    expect(mended).toMatchObject({ state: "succeeded", attempt: 1 });
    await worker.close();
  });

  it("a job that is finished while its operation isn't is driven again (I6)", async () => {
    await start();
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    const taken = openWorker<OperationJob>(
      fleet.config,
      operationsQueue("process"),
      async () => "carried by one that did nothing",
      { onError: () => undefined },
    );
    await vi.waitUntil(async () => (await (await job(operation))?.getState()) === "completed", {
      interval: 20,
    });
    await taken.close(5_000);
    expect(await getOperation(fleet.pool, operation.id)).toMatchObject({ state: "queued" });
    fleet.startWorker();
    const [driven] = await ended(fleet.pool, [operation.id]);
    expect(driven).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(await getWorkspace(fleet.pool, workspace.id)).toMatchObject({ status: "online" });
  });
});
