import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { listEvents } from "@berth/core/db/events";
import { getWorkspace } from "@berth/core/db/workspaces";
import { createWorkspace } from "@berth/core/requests/create";
import { BY_TEST, fleetEnvironment, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { startWorkerProcess, type TestProcess } from "../support/worker-process.js";
import { ended } from "../support/wait.js";

const EVERY: Readonly<Record<string, string>> = {
  BERTH_SWEEP_DOCKER_ORPHANS_EVERY_MS: "300",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "300",
  BERTH_LEAK_GRACE_MS: "1",
  BERTH_LEAK_SECOND_SIGHTING_MS: "1",
  BERTH_RESTART_DEBOUNCE_MS: "0",
};

describe.each(["redis", "postgres"] as const)("workers as processes, on the %s queue", (store) => {
  let fleet: Fleet;
  const processes: TestProcess[] = [];
  const redisUrl = () => (store === "redis" ? inject("redis").url : null);
  beforeEach(async () => {
    fleet = await startFleet({ redisUrl: redisUrl(), env: EVERY });
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.kill()));
    await fleet.close();
  });
  const start = async (latencyMs = 0): Promise<TestProcess> => {
    const env = fleetEnvironment(fleet.database.url, redisUrl(), EVERY);
    const worker = await startWorkerProcess(env, { latencyMs, fullLatency: true });
    processes.push(worker);
    return worker;
  };

  it("put back within a minute the schedulers that the queue has lost", async () => {
    await start();
    const lost = () => fleet.queues.sweeps.getJobScheduler("retention");
    await vi.waitFor(async () => expect(await lost()).toBeDefined());
    await fleet.queues.sweeps.removeJobScheduler("retention");
    expect(await lost()).toBeUndefined();
    await vi.waitFor(async () => expect(await lost()).toBeDefined(), { interval: 100 });
  });

  it("heal a dead instance and reap a leak, and one that is killed while it reaps leaves that to the next", async () => {
    const first = await start();
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    await ended(fleet.pool, [operation.id]);
    const { instance_id: dead } = (await getWorkspace(fleet.pool, workspace.id))!;
    await fleet.pool.query("update provider_things set removed_at = now() where id = $1", [dead]);
    await vi.waitFor(
      async () =>
        expect(await getWorkspace(fleet.pool, workspace.id)).toMatchObject({
          status: "online",
          generation: 2,
        }),
      { interval: 50 },
    );
    first.term();
    await first.exited;

    const doomed = await start(60_000);
    await fleet.pool.query(
      `insert into provider_things (id, kind, workspace_id, generation, created_at)
       values ('leak', 'instance', gen_random_uuid(), 1, now() - interval '1 hour')`,
    );
    // It has asked the provider, which takes its time.
    await vi.waitFor(
      async () =>
        expect(
          (await fleet.pool.query("select 1 from provider_calls where ended_at is null")).rows,
        ).toHaveLength(1),
      { interval: 20 },
    );
    await doomed.kill();
    // Its lease would run out 15 s later.
    await fleet.pool.query("update sweeps set lease_until = now() where owner is not null");
    await start();
    const reaped = async () =>
      (await listEvents(fleet.pool, { type: "workspace.leak.reaped", limit: 10 })).map(
        ({ payload }) => payload,
      );
    await fleet.pool.query("update sightings set next_attempt_at = now()");
    await vi.waitFor(
      async () => expect(await reaped()).toMatchObject([{ provider_id: "leak", attempts: 2 }]),
      {
        interval: 50,
      },
    );
    const { rows } = await fleet.pool.query(
      "select id from provider_things where removed_at is null and id = 'leak'",
    );
    expect(rows).toEqual([]);
    expect(await getWorkspace(fleet.pool, workspace.id)).toMatchObject({ status: "online", generation: 2 });
  });
});
