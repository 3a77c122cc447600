import { describe, expect, inject, it, vi } from "vitest";
import { createWorkspace } from "@berth/core/requests/create";
import { BY_TEST, fleetEnvironment, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { ended } from "../support/wait.js";
import { startWorkerProcess, type TestProcess } from "../support/worker-process.js";
import { about, reached, type Kind, type Moment } from "./about.js";
import { endCallsOf, expectNoBreach, expectSettled, expectTrueLedger } from "./audit.js";

/** Everything that is recorded of a workspace, its provider's side included, but for when a sweep looked at it, or somebody read its events. */
async function record(fleet: Fleet, workspaceId: string): Promise<unknown> {
  const { rows } = await fleet.pool.query(
    `select to_jsonb(w) - 'last_checked_at' as workspace, to_jsonb(g) as gate,
       (select jsonb_agg(to_jsonb(o) order by ticket) from operations o where o.workspace_id = w.id) as operations,
       (select jsonb_agg(to_jsonb(r) order by id) from resources r where r.workspace_id = w.id) as resources,
       (select jsonb_agg(to_jsonb(e) - 'seq' order by id) from structure_events e where e.workspace_id = w.id) as events,
       (select jsonb_agg(id order by id) from provider_calls c where c.workspace_id = w.id) as calls,
       (select jsonb_agg(id order by id) from provider_things t where t.workspace_id = w.id and removed_at is null) as things
     from workspaces w join gates g on g.workspace_id = w.id where w.id = $1`,
    [workspaceId],
  );
  return rows[0];
}

async function freeze(kind: Kind, call: Moment["call"]): Promise<void> {
  const redisUrl = inject("redis").url;
  const fleet = await startFleet({ redisUrl });
  let zombie: TestProcess | undefined;
  try {
    const { id, request } = await about(fleet, kind);
    const env = fleetEnvironment(fleet.database.url, redisUrl);
    zombie = await startWorkerProcess(env, { latencyMs: 700, fullLatency: true });
    const operationId = await request();
    await reached(fleet, id, { call, effect: "before" });
    await zombie.freeze();
    await endCallsOf(zombie.pid, fleet.pool);

    const other = fleet.startWorker();
    const [operation] = await ended(fleet.pool, [operationId]);
    expect(operation).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(operation!.takeovers).toBeGreaterThan(0);
    await other.close();
    const before = await record(fleet, id);

    zombie.thaw();
    // Its call comes back, in whatever way, to a worker that no longer holds the gate.
    await vi.waitUntil(
      async () => {
        const { rows } = await fleet.pool.query(
          "select 1 from provider_calls where workspace_id = $1 and outcome = 'caller died'",
          [id],
        );
        return rows.length === 0;
      },
      { interval: 20 },
    );
    const next = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    const [served] = await ended(fleet.pool, [next.operation.id]);
    expect(served, "it goes on working for others").toMatchObject({ state: "succeeded", attempt: 1 });
    expect(await record(fleet, id)).toEqual(before);
    await expectSettled(fleet.pool);
    await expectNoBreach(fleet.pool);
    await expectTrueLedger(fleet.pool);
  } finally {
    await zombie?.kill();
    await fleet.close();
  }
}

describe.concurrent("a worker frozen past its lease", () => {
  it.for([
    { kind: "provision", call: "createVolume" },
    { kind: "provision", call: "launch" },
    { kind: "restart", call: "stop" },
    { kind: "restart", call: "launch" },
    { kind: "delete", call: "stop" },
    { kind: "delete", call: "removeVolume" },
  ] as const)(
    "inside $call of a $kind records nothing when it wakes, makes no second instance, and works on (I9)",
    { timeout: 120_000 },
    ({ kind, call }) => freeze(kind, call),
  );

  it("for less than its lease keeps its operation, though the queue has given its job to another (I1)", async () => {
    const redisUrl = inject("redis").url;
    const settings = { BERTH_LEASE_MS: "30000", BERTH_LOCK_MS: "1000", BERTH_STALLED_EVERY_MS: "300" };
    const fleet = await startFleet({ redisUrl, env: settings });
    const { id, request } = await about(fleet, "restart");
    const env = fleetEnvironment(fleet.database.url, redisUrl, settings);
    const frozen = await startWorkerProcess(env, { latencyMs: 700, fullLatency: true });
    try {
      const operationId = await request();
      await reached(fleet, id, { call: "stop", effect: "before" });
      await frozen.freeze();
      fleet.startWorker();
      // The other has met the lease, and parked the job until that would run out.
      await vi.waitUntil(
        async () => {
          const [job] = await fleet.queues.operationsOf("process").getDelayed();
          return job?.data.operationId === operationId;
        },
        { interval: 20 },
      );
      frozen.thaw();
      const [operation] = await ended(fleet.pool, [operationId]);
      expect(operation).toMatchObject({ state: "succeeded", attempt: 1, takeovers: 0 });
      await expectSettled(fleet.pool);
      await expectNoBreach(fleet.pool);
      await expectTrueLedger(fleet.pool);
    } finally {
      await frozen.kill();
      await fleet.close();
    }
  });
});
