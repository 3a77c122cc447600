import { beginSweep, endSweep, registerSweeps, setHeld, setPaused } from "@berth/core/db/sweeps";
import { noteContact } from "@berth/core/db/place-workers";
import { transaction } from "@berth/core/db/pool";
import { SWEEP_NAMES } from "@berth/core/domain/sweep";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

const HOUR = 3_600_000;

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
beforeEach(() => api.pool.query("delete from sweeps"));
afterAll(() => api.close());

/** A sweep whose last run ended so long ago. */
const ran = async (name: string, everyMs: number, agoMs: number) => {
  await registerSweeps(api.pool, [{ name, everyMs }]);
  const { runId } = (await beginSweep(api.pool, { name, owner: "test", leaseMs: 60_000, everyMs }))!;
  await endSweep(api.pool, { name, runId }, { counts: { looked_at: 7 }, cursor: null, error: null });
  await api.pool.query(
    `update sweeps set last_started_at = last_started_at - $2 * interval '1 millisecond',
       last_finished_at = last_finished_at - $2 * interval '1 millisecond' where name = $1`,
    [name, agoMs],
  );
};
const ready = () => api.call("GET", "/ready", { headers: { authorization: "" } });
const liveness = async () => (await api.call("GET", "/admin/liveness")).body;

describe("/ready", () => {
  it("doesn't miss sweeps before any worker has run one", async () => {
    expect((await ready()).status).toBe(200);
  });

  it("fails while a sweep is silent for more than twice its interval, and names it", async () => {
    await ran("dispatch", 1, 1_000);
    const { status, body, headers } = await ready();
    expect(status).toBe(503);
    expect(body).toMatchObject({
      code: "sweeps_silent",
      retryable: true,
      silent: [{ name: "dispatch", every_ms: 1, quiet_ms: expect.any(Number) }],
      postgres: "up",
    });
    expect(headers.get("retry-after")).not.toBeNull();
  });

  it("says that no worker lives, and of one that takes nothing up what waits for it", async () => {
    const at = { place: "process", worker: "test", identity: "process:test", problem: null };
    const degraded = async () => (await ready()).body.degraded as string[];
    expect(await degraded()).toEqual([expect.stringMatching(/^workers: none has given a sign of life/)]);
    const lives = (state: "confirmed" | "unreachable") =>
      transaction(api.pool, (tx) => noteContact(tx, { ...at, state }));
    await lives("confirmed");
    const { body } = await api.call("POST", "/workspaces", {
      body: { name: "w", spec: { command: ["true"] } },
    });
    const aged = (what: string) =>
      api.pool.query(`update operations set ${what} where workspace_id = $1`, [body.id]);
    expect(await degraded()).toEqual([]);
    await aged("created_at = created_at - interval '2 minutes'");
    expect(await degraded()).toEqual([
      expect.stringMatching(
        /^place process: 1 operation.* the first for 1[12]\d s; 1 live worker.s. serve it$/,
      ),
    ]);
    await lives("unreachable");
    expect(await degraded()).toEqual([expect.stringMatching(/no live worker serves it$/)]);
    await aged("next_attempt_at = now() + interval '1 minute'");
    expect(await degraded(), "a backoff waits for nobody").toEqual([]);
    await api.pool.query("delete from place_workers");
  });

  it("misses one that a worker has registered and never run", async () => {
    await registerSweeps(api.pool, [{ name: "liveness", everyMs: 1 }]);
    await api.pool.query("update sweeps set registered_at = now() - interval '1 minute'");
    expect((await ready()).body).toMatchObject({ silent: [{ name: "liveness" }] });
  });

  it("doesn't miss one that is on time, that is paused, or that runs just now", async () => {
    await ran("dispatch", HOUR, 1.9 * HOUR);
    await ran("liveness", 1, 1_000);
    await setPaused(api.pool, "liveness", true, "test");
    await ran("retention", 1, 1_000);
    await beginSweep(api.pool, { name: "retention", owner: "test", leaseMs: 60_000, everyMs: 1 });
    expect((await ready()).status).toBe(200);
  });

  it("gives workers that start after us their time: what was silent before we began isn't held against us", async () => {
    await ran("dispatch", HOUR, 100 * HOUR);
    expect((await ready()).status).toBe(200);
    expect((await liveness()).silent).toEqual(["dispatch"]);
  });
});

describe("GET /admin/liveness", () => {
  it("tells when each sweep last ran and succeeded, how long it took and what it did", async () => {
    expect(await liveness()).toMatchObject({ status: "never", silent: [], held: [], paused: [] });
    await ran("dispatch", 60_000, 5_000);
    const body = await liveness();
    expect(body).toMatchObject({ status: "ok", heartbeats_taken_for_ms: expect.any(Number) });
    expect(body.sweeps.map(({ name }: { name: string }) => name)).toEqual(SWEEP_NAMES);
    expect(body.sweeps[0]).toMatchObject({
      name: "dispatch",
      registered: true,
      every_ms: 60_000,
      silent: false,
      last_finished_at: expect.stringMatching(/Z$/),
      last_success_at: expect.stringMatching(/Z$/),
      last_duration_ms: expect.any(Number),
      last_counts: { looked_at: 7 },
      last_error: null,
    });
    expect(body.sweeps[0].quiet_ms).toBeGreaterThanOrEqual(5_000);
  });

  it("lists what is silent, held and paused; of what is held only how much", async () => {
    await ran("dispatch", 1, 1_000);
    await ran("docker-orphans", 60_000, 0);
    await setHeld(api.pool, "docker-orphans", {
      looked_at: 9,
      would_act: 8,
      actions: [{ key: "k", what: "w", why: "y" }],
    });
    await setPaused(api.pool, "retention", true, "test");
    const body = await liveness();
    expect(body).toMatchObject({
      status: "silent",
      silent: ["dispatch"],
      held: ["docker-orphans"],
      paused: ["retention"],
    });
    const held = body.sweeps.find(({ name }: { name: string }) => name === "docker-orphans").held;
    expect(held).toEqual({ at: expect.any(String), looked_at: 9, would_act: 8 });
  });
});
