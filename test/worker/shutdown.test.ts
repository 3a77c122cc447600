import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { getOperation } from "@berth/core/db/operations";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, fleetEnvironment, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { expectNoBreach, expectSettled, expectTrueLedger, watchProvider } from "../chaos/audit.js";
import { startWorkerProcess, type ProcessProvider, type TestProcess } from "../support/worker-process.js";
import { ended } from "../support/wait.js";

describe.each(["redis", "postgres"] as const)("a worker on the %s queue", (store) => {
  const redisUrl = () => (store === "redis" ? inject("redis").url : null);
  const processes: TestProcess[] = [];
  let fleet: Fleet;
  beforeEach(async () => {
    fleet = await startFleet({ redisUrl: redisUrl() });
    await watchProvider(fleet.pool);
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.kill()));
    await fleet.close();
  });

  const start = async (
    provider: ProcessProvider,
    env: Record<string, string> = {},
    args: string[] = [],
  ): Promise<TestProcess> => {
    const worker = await startWorkerProcess(
      fleetEnvironment(fleet.database.url, redisUrl(), env),
      { fullLatency: true, ...provider },
      args,
    );
    processes.push(worker);
    return worker;
  };
  /** Accepts a workspace and waits until its provision is inside a provider's call. */
  const busy = async () => {
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    await vi.waitUntil(
      async () =>
        (await fleet.pool.query("select 1 from provider_calls where workspace_id = $1", [workspace.id]))
          .rowCount,
      { interval: 10 },
    );
    return { workspace, operation };
  };

  it("that is told to end finishes what fits into its grace time, takes nothing new, and exits 0", async () => {
    const worker = await start({ latencyMs: 300 }, { BERTH_SHUTDOWN_GRACE_MS: "15000" });
    const { operation } = await busy();
    worker.term();
    await worker.said(/worker ending/);
    const late = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    expect(await worker.exited, worker.output()).toEqual({ code: 0, signal: null });
    expect(await getOperation(fleet.pool, operation.id)).toMatchObject({
      state: "succeeded",
      attempt: 1,
      takeovers: 0,
    });
    expect(await getOperation(fleet.pool, late.operation.id)).toMatchObject({ state: "queued", attempt: 0 });
  });

  it("hands back what doesn't: no attempt spent, no lease to wait for, and another goes on at once", async () => {
    const worker = await start(
      // Far longer than the test may take.
      { latencyMs: 600_000 },
      { BERTH_SHUTDOWN_GRACE_MS: "500", BERTH_LEASE_MS: "600000" },
    );
    const { workspace, operation } = await busy();
    const behind = await requestRestart(fleet.context, workspace.id, BY_TEST);
    worker.term();
    expect(await worker.exited, worker.output()).toEqual({ code: 0, signal: null });
    expect(await getOperation(fleet.pool, operation.id)).toMatchObject({
      state: "running",
      attempt: 0,
      error: null,
      next_attempt_at: null,
    });
    const gate = await fleet.pool.query("select owner, head from gates where workspace_id = $1", [
      workspace.id,
    ]);
    expect(gate.rows).toEqual([{ owner: null, head: 0 }]);

    fleet.startWorker();
    // The lease was given back, not left to run out.
    const operations = await ended(fleet.pool, [operation.id, behind.operation.id]);
    for (const one of operations) expect(one).toMatchObject({ state: "succeeded", attempt: 1, takeovers: 0 });
    expect(operations[0]!.finished_at!.getTime()).toBeLessThanOrEqual(operations[1]!.started_at!.getTime());
    await expectSettled(fleet.pool);
    await expectNoBreach(fleet.pool);
    await expectTrueLedger(fleet.pool);
  });

  it("that is told twice ends at once", async () => {
    const worker = await start({ latencyMs: 600_000 }, { BERTH_SHUTDOWN_GRACE_MS: "600000" });
    await busy();
    worker.term();
    await worker.said(/worker ending/);
    worker.term();
    expect(await worker.exited).toEqual({ code: 130, signal: null });
  });

  it("leaves nothing after its close that would keep its process: no timer, no connection", async () => {
    const worker = await start({}, {}, ["--drain"]);
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    const { operation: restart } = await requestRestart(fleet.context, workspace.id, BY_TEST);
    await ended(fleet.pool, [operation.id, restart.id]);
    worker.send("close");
    // It ends by itself: nothing calls exit.
    expect(await worker.exited, worker.output()).toEqual({ code: 0, signal: null });
    const { rows } = await fleet.pool.query(
      "select application_name from pg_stat_activity where datname = current_database() and application_name like $1",
      [`%-${worker.pid}`],
    );
    expect(rows).toEqual([]);
  });
});
