import { readConfig } from "@berth/core/config/config";
import { listEvents } from "@berth/core/db/events";
import { registerSweeps, setHeld } from "@berth/core/db/sweeps";
import { SWEEP_NAMES } from "@berth/core/domain/sweep";
import { createLogger } from "@berth/core/base/logger";
import { SWEEPS_QUEUE, sweepsQueue } from "@berth/core/queues/names";
import { openWorker } from "@berth/core/queues/worker";
import { unclaimed } from "@berth/core/sweeps/unclaimed";
import { dryRun } from "@berth/core/sweeps/run";
import { settingsOf } from "@berth/core/sweeps/settings";
import { startWorker } from "@berth/worker/start";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { fleetEnvironment } from "../support/fleet.js";
import { createRecordedBackend } from "../support/recorded-backend.js";
import { startTestApi, type TestApi } from "./api.js";

const ACTIONS = [1, 2].map((n) => ({ key: `k${n}`, what: `reap ${n}`, why: "nobody claims it" }));

describe.each(["postgres", "redis"])("with the queues on %s", (store) => {
  let api: TestApi;
  const closing: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    api = await startTestApi(store === "redis" ? inject("redis").url : null);
  });
  beforeEach(async () => {
    await api.pool.query("delete from sweeps");
    await api.queues.sweeps.obliterate({ force: true });
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  afterAll(() => api.close());

  const workerConfig = () =>
    readConfig("worker", fleetEnvironment(api.databaseUrl, store === "redis" ? inject("redis").url : null));
  /** Takes the jobs of the sweeps' queues: that of all, and that of the one place that is in use. */
  const work = async (processor: (name: string) => Promise<unknown>) => {
    await api.pool.query("update places set identity = 'recorded:berth' where name = 'process'");
    for (const queue of [SWEEPS_QUEUE, sweepsQueue("process")]) {
      const worker = openWorker(workerConfig(), queue, (job) => processor(job.name), {
        onError: () => undefined,
      });
      closing.push(() => worker.close(2_000));
    }
  };
  const sweep = async (name: string) =>
    (await api.call("GET", "/sweeps")).body.find((one: { name: string }) => one.name === name);

  it("GET /sweeps lists all there are, also those that no worker has run yet", async () => {
    const { status, body } = await api.call("GET", "/sweeps");
    expect(status).toBe(200);
    expect(body.map(({ name }: { name: string }) => name)).toEqual(SWEEP_NAMES);
    expect(body[0]).toMatchObject({
      registered: false,
      silent: false,
      paused: false,
      held: null,
      quiet_ms: null,
    });
  });

  it("a run is asked for, done by a worker, and seen in the list", async () => {
    const config = workerConfig();
    const worker = startWorker({
      config,
      pool: api.pool,
      queues: api.queues,
      backends: new Map([["process", await createRecordedBackend(api.pool)]]),
      logger: createLogger(config, "test"),
    });
    closing.push(() => worker.close());
    // The first one is at the worker's start, the next is an hour away.
    await expect.poll(async () => (await sweep("retention")).last_success_at).not.toBeNull();
    const { last_success_at } = await sweep("retention");
    const { status, body } = await api.call("POST", "/sweeps/retention/run");
    expect(status).toBe(202);
    expect(body).toEqual({ sweep: "retention", dry_run: false, job_id: expect.any(String) });
    await expect.poll(async () => (await sweep("retention")).last_success_at).not.toBe(last_success_at);
    expect(await sweep("retention")).toMatchObject({ registered: true, last_error: null });
  });

  it("a dry run is answered by a worker: what it would do and why, with nothing changed", async () => {
    const backend = await createRecordedBackend(api.pool);
    const config = workerConfig();
    await work(async (name) => {
      expect(name).toBe("dry-run docker-orphans");
      return dryRun(unclaimed("docker-orphans"), {
        pool: api.pool,
        backends: new Map([["process", backend]]),
        settings: settingsOf(config),
        logger: createLogger(config, "test"),
        signal: new AbortController().signal,
      } as never);
    });
    const { status, body } = await api.call("POST", "/sweeps/docker-orphans/run?dry_run=true");
    expect(status).toBe(200);
    expect(body).toEqual({
      sweep: "docker-orphans",
      dry_run: true,
      looked_at: 0,
      would_hold: false,
      actions: [],
      unanswered: [],
    });
    expect(await sweep("docker-orphans")).toMatchObject({ last_started_at: null });
  });

  it("a dry run whose look fails says why; one that a worker doesn't know is no success", async () => {
    await work(async (name) => {
      if (name.endsWith("liveness")) return null;
      throw new Error("the provider is down");
    });
    expect(await api.call("POST", "/sweeps/instance-state/run?dry_run=true")).toMatchObject({
      status: 500,
      body: { code: "sweep_failed", detail: "instance-state: the provider is down" },
    });
    expect(await api.call("POST", "/sweeps/liveness/run?dry_run=true")).toMatchObject({
      status: 503,
      body: { code: "no_worker" },
    });
  });

  it("a dry run that no worker takes is given up and left nowhere", async () => {
    const { status, body } = await api.call("POST", "/sweeps/instance-state/run?dry_run=true", {
      headers: { prefer: "wait=1" },
    });
    expect([status, body.code]).toEqual([503, "no_worker"]);
    expect(await api.queues.sweeps.getJobs(["waiting", "delayed"])).toEqual([]);
  });

  it("an approval is for what is held, and asks for a run", async () => {
    await registerSweeps(api.pool, [{ name: "docker-orphans", everyMs: 60_000 }]);
    expect(await api.call("POST", "/sweeps/docker-orphans/approve")).toMatchObject({
      status: 409,
      body: { code: "nothing_held" },
    });
    await setHeld(api.pool, "docker-orphans", { looked_at: 3, would_act: 2, actions: ACTIONS });
    const { status, body } = await api.call("POST", "/sweeps/docker-orphans/approve");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: "docker-orphans",
      held: { looked_at: 3, would_act: 2, actions: ACTIONS },
      approval: { by: "admin", acts: 2 },
    });
    expect((await api.queues.sweeps.getJobs(["waiting"])).map((job) => job.name)).toEqual(["docker-orphans"]);
    const events = await listEvents(api.pool, { type: "sweep.approved", limit: 100 });
    expect(events.at(-1)!.payload).toMatchObject({ sweep: "docker-orphans", requested_by: "admin", acts: 2 });
  });

  it("a paused sweep takes no run until it is resumed, and tells who paused it", async () => {
    expect((await api.call("POST", "/sweeps/liveness/pause")).body).toMatchObject({
      name: "liveness",
      paused: true,
      paused_by: "admin",
    });
    expect(await api.call("POST", "/sweeps/liveness/run")).toMatchObject({
      status: 409,
      body: { code: "sweep_paused" },
    });
    expect((await api.call("POST", "/sweeps/liveness/resume")).body).toMatchObject({
      paused: false,
      paused_by: null,
    });
    expect((await api.call("POST", "/sweeps/liveness/run")).status).toBe(202);
  });

  it("its runs are listed, the newest first, each with its place, counts and error", async () => {
    await registerSweeps(api.pool, [
      { name: "retention", everyMs: 1_000 },
      { name: "drain@east", everyMs: 1_000 },
      { name: "drain@west", everyMs: 1_000 },
    ]);
    await api.pool.query(
      `insert into sweep_runs (sweep, owner, started_at, finished_at, counts, error)
       select sweep, 'worker-1', '2026-11-21T09:00:00Z'::timestamptz + n * interval '1 min',
         case when n < 4 then '2026-11-21T09:00:02Z'::timestamptz + n * interval '1 min' end,
         jsonb_build_object('looked_at', n), case when n = 2 then 'the provider answered with 503' end
       from (values (1, 'drain@east'), (2, 'drain@west'), (3, 'retention'), (4, 'drain@east')) as runs (n, sweep) order by n`,
    );
    const { status, body } = await api.call("GET", "/sweeps/drain/runs");
    expect(status).toBe(200);
    expect(body).toEqual([
      {
        place: "east",
        started_at: "2026-11-21T09:04:00.000Z",
        finished_at: null,
        counts: { looked_at: 4 },
        error: null,
      },
      {
        place: "west",
        started_at: "2026-11-21T09:02:00.000Z",
        finished_at: "2026-11-21T09:02:02.000Z",
        counts: { looked_at: 2 },
        error: "the provider answered with 503",
      },
      {
        place: "east",
        started_at: "2026-11-21T09:01:00.000Z",
        finished_at: "2026-11-21T09:01:02.000Z",
        counts: { looked_at: 1 },
        error: null,
      },
    ]);
    expect((await api.call("GET", "/sweeps/drain/runs?limit=1")).body).toHaveLength(1);
    expect((await api.call("GET", "/sweeps/retention/runs?limit=1")).body).toMatchObject([{ place: null }]);
    expect((await api.call("GET", "/sweeps/dispatch/runs")).body).toEqual([]);
    expect((await api.call("GET", "/sweeps/nothing/runs")).status).toBe(404);
  });

  it("a sweep that isn't there is told from a bad query", async () => {
    for (const verb of ["run", "approve", "pause", "resume"])
      expect((await api.call("POST", `/sweeps/nothing/${verb}`)).body).toMatchObject({
        code: "sweep_not_found",
        status: 404,
        sweeps: SWEEP_NAMES,
      });
    expect((await api.call("POST", "/sweeps/liveness/run?dry_run=maybe")).status).toBe(400);
    expect((await api.call("POST", "/sweeps/liveness/run?dryrun=true")).status).toBe(400);
  });
});

it("a run can't be promised while Redis is down, and the answer says so", async () => {
  const api = await startTestApi("redis://127.0.0.1:1");
  try {
    for (const query of ["", "?dry_run=true"])
      expect(await api.call("POST", `/sweeps/liveness/run${query}`)).toMatchObject({
        status: 503,
        body: { code: "queues_unavailable", retryable: true },
      });
    // What PostgreSQL keeps works on.
    expect((await api.call("POST", "/sweeps/liveness/pause")).status).toBe(200);
  } finally {
    await api.close();
  }
});
