import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { listEvents } from "@berth/core/db/events";
import { about, KINDS, reached, type Kind, type Moment } from "./about.js";
import { planOf } from "@berth/core/operations/plans";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, fleetEnvironment, newWorkspace, QUICK, startFleet, type Fleet } from "../support/fleet.js";
import { liveThings } from "../support/recorded-backend.js";
import { ended } from "../support/wait.js";
import { startWorkerProcess, type ProcessProvider, type TestProcess } from "../support/worker-process.js";
import {
  endCallsOf,
  expectNoBreach,
  expectOrder,
  expectSettled,
  expectTrueLedger,
  watchProvider,
} from "./audit.js";

async function crash(
  kind: Kind,
  how: { env?: Record<string, string>; provider?: ProcessProvider; at?: Moment },
) {
  const redisUrl = inject("redis").url;
  const fleet = await startFleet({ redisUrl });
  let doomed: TestProcess | undefined;
  try {
    const { id, request } = await about(fleet, kind);
    doomed = await startWorkerProcess(fleetEnvironment(fleet.database.url, redisUrl, how.env), how.provider);
    const operationId = await request();
    if (how.at !== undefined) {
      await reached(fleet, id, how.at);
      await doomed.kill();
    }
    expect(await doomed.exited, doomed.output()).toEqual({ code: null, signal: "SIGKILL" });
    const left = await fleet.pool.query("select state from operations where id = $1", [operationId]);
    expect(left.rows, "the worker died before the operation ended").toEqual([{ state: "running" }]);
    await endCallsOf(doomed.pid, fleet.pool);

    fleet.startWorker();
    const [operation] = await ended(fleet.pool, [operationId]);
    expect(operation, "a crash's resumption is the same attempt").toMatchObject({
      state: "succeeded",
      attempt: 1,
    });
    expect(operation!.takeovers).toBeGreaterThan(0);
    await expectSettled(fleet.pool);
    await expectNoBreach(fleet.pool);
    await expectTrueLedger(fleet.pool);
    const kinds = (await liveThings(fleet.pool)).map((thing) => thing.kind);
    expect(kinds).toEqual(kind === "delete" ? [] : ["instance", "volume"]);
    const { rows } = await fleet.pool.query<{ generation: number }>(
      "select generation from provider_things where kind = 'instance' order by generation",
    );
    expect(
      rows.map((row) => row.generation),
      "instances ever made, by generation",
    ).toEqual(kind === "restart" ? [1, 2] : [1]);
    const types = (await listEvents(fleet.pool, { workspaceId: id, limit: 100 })).map(
      (event) => event.event_type,
    );
    expect(types.filter((type) => type === `workspace.${kind}.succeeded`)).toHaveLength(1);
  } finally {
    await doomed?.kill();
    await fleet.close();
  }
}

describe.concurrent("a worker killed at a step", () => {
  const steps = KINDS.flatMap((kind) =>
    planOf(kind, "process").flatMap(({ name }) =>
      (["before", "after"] as const).map((when) => [kind, name, when] as const),
    ),
  );
  it.for(steps)(
    "%s/%s, %s it: another goes on; one instance, the volume kept, a true ledger",
    { timeout: 120_000 },
    ([kind, step, when]) => crash(kind, { env: { BERTH_FAULT_AT_STEP: `${kind}/${step}/${when}` } }),
  );

  it.for([
    { kind: "provision", call: "createVolume", effect: "before" },
    { kind: "provision", call: "createVolume", effect: "after" },
    { kind: "provision", call: "launch", effect: "before" },
    { kind: "provision", call: "launch", effect: "after" },
    { kind: "restart", call: "stop", effect: "before" },
    { kind: "restart", call: "stop", effect: "after" },
    { kind: "restart", call: "launch", effect: "before" },
    { kind: "restart", call: "launch", effect: "after" },
    { kind: "delete", call: "stop", effect: "before" },
    { kind: "delete", call: "stop", effect: "after" },
    { kind: "delete", call: "removeVolume", effect: "before" },
    { kind: "delete", call: "removeVolume", effect: "after" },
  ] as const)(
    "$kind, inside $call, $effect its effect: the same (I3, I4)",
    { timeout: 120_000 },
    ({ kind, ...at }) => crash(kind, { provider: { latencyMs: 700, fullLatency: true }, at }),
  );
});

describe.concurrent.each(["redis", "postgres"] as const)(
  "with the default settings on the %s queue",
  (store) => {
    const processes: TestProcess[] = [];
    let fleet: Fleet;
    afterEach(async () => {
      await Promise.all(processes.map((one) => one.kill()));
      await fleet.close();
    });

    it("what two killed workers left is found by the next run of the dispatch sweep (I7), ends on a third, each workspace once and in order", async () => {
      const redisUrl = store === "redis" ? inject("redis").url : null;
      fleet = await startFleet({ redisUrl });
      await watchProvider(fleet.pool);
      const prepare = fleet.startWorker();
      const create = () => createWorkspace(fleet.context, newWorkspace(), BY_TEST);
      const online = await Promise.all(Array.from({ length: 8 }, create));
      await ended(
        fleet.pool,
        online.map((one) => one.operation.id),
      );
      await prepare.close();

      const env = withDefaults(fleetEnvironment(fleet.database.url, redisUrl));
      const slow = { latencyMs: 60_000, fullLatency: true };
      const doomed = await Promise.all([startWorkerProcess(env, slow), startWorkerProcess(env, slow)]);
      processes.push(...doomed);
      const ids = online.map((one) => one.workspace.id);
      const accepted = await Promise.all([
        ...Array.from({ length: 4 }, async () => (await create()).operation),
        ...ids.slice(0, 4).map(async (id) => (await requestRestart(fleet.context, id, BY_TEST)).operation),
        ...ids
          .slice(4)
          .map(
            async (id) =>
              (await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST })).operation!,
          ),
      ]);
      await vi.waitUntil(
        async () => {
          const { rows } = await fleet.pool.query<{ n: number }>(
            "select count(distinct workspace_id) as n from provider_calls where ended_at is null",
          );
          return rows[0]!.n === accepted.length;
        },
        { interval: 50 },
      );
      processes.push(await startWorkerProcess(env));
      await Promise.all(doomed.map((one) => one.kill()));
      // The leases that the dead have left: nobody may act before they run out.
      await fleet.pool.query("create table left_leases as select workspace_id, lease_until from gates");
      for (const one of doomed) await endCallsOf(one.pid, fleet.pool);

      const operations = await ended(
        fleet.pool,
        accepted.map((one) => one.id),
      );
      // Taken over is when the third first acts on the provider; how fast it is through after that is its own affair.
      // The first run of the dispatch sweep that begins after the lease finds it: one may have been under way.
      const { rows: taken } = await fleet.pool.query<{ runs: number }>(
        `select (select count(*)::int from sweep_runs r
                 where r.sweep = 'dispatch' and r.started_at > l.lease_until and r.finished_at < min(c.began_at)) as runs
         from left_leases l join provider_calls c on c.workspace_id = l.workspace_id and c.began_at > l.lease_until
         where l.workspace_id = any ($1) group by l.workspace_id, l.lease_until`,
        [accepted.map((one) => one.workspace_id)],
      );
      expect(taken).toHaveLength(accepted.length);
      expect(Math.max(...taken.map(({ runs }) => runs)), "runs that had missed one").toBeLessThanOrEqual(2);
      for (const one of operations) expect(one).toMatchObject({ state: "succeeded", attempt: 1 });
      await expectSettled(fleet.pool);
      await expectNoBreach(fleet.pool);
      await expectOrder(fleet.pool);
      await expectTrueLedger(fleet.pool);
    }, 150_000);
  },
);

/** Without the settings that make tests quick. */
function withDefaults(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([key]) => !(key in QUICK) || key === "LOG_LEVEL"));
}
