import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BackendError } from "@berth/core/compute/backend-error";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { backendFigures } from "@berth/worker/metrics/backends";
import { readinessOf } from "@berth/worker/metrics/readiness";
import { serveFigures } from "@berth/worker/metrics/server";
import { createLogger } from "@berth/core/base/logger";
import { measureProcess } from "@berth/core/metrics/process";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "../api/api.js";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { createTestDatabase } from "../support/postgres.js";
import { ended } from "../support/wait.js";

const PAGE = readFileSync(fileURLToPath(new URL("../../docs/metrics.md", import.meta.url)), "utf8");

let fleet: Fleet;
let api: TestApi;
let figures: Awaited<ReturnType<typeof serveFigures>>;
const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${figures.port}${path}`, init);
const scrape = async (): Promise<string[]> => (await (await get("/metrics")).text()).split("\n");
/** The value of one series; null if there is none. */
const valueOf = async (series: string): Promise<number | null> => {
  const line = (await scrape()).find((one) => one.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length + 1));
};

beforeAll(async () => {
  const database = await createTestDatabase();
  const redisUrl = inject("redis").url;
  api = await startTestApi(redisUrl, {}, database);
  fleet = await startFleet({ redisUrl, database, env: { BERTH_RETRY_ATTEMPTS: "3" } });
  const registry = new Registry();
  measureProcess(registry, { role: "worker", pools: () => ({ worker: fleet.pool }) });
  const backend = backendFigures(registry).measure("process", fleet.backend);
  const worker = fleet.startWorker({ registry, backends: new Map([["process", backend]]) });
  figures = await serveFigures({
    host: "127.0.0.1",
    port: 0,
    registry,
    logger: createLogger(fleet.config, "test"),
    ready: () => readinessOf({ pool: fleet.pool, queues: fleet.queues, worker }),
  });
});
afterAll(async () => {
  await figures.close();
  await api.running.close();
  await api.queues.close();
  await fleet.close();
});

describe("a worker's figures", () => {
  it("count what became of operations, their attempts and steps, and the calls that they made", async () => {
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    await ended(fleet.pool, [operation.id]);
    expect(await valueOf('berth_operations_started_total{kind="provision"}')).toBe(1);
    expect(await valueOf('berth_operations_ended_total{kind="provision",outcome="succeeded"}')).toBe(1);
    expect(await valueOf('berth_operation_wait_seconds_count{kind="provision"}')).toBe(1);
    expect(await valueOf('berth_operation_run_seconds_count{kind="provision",outcome="succeeded"}')).toBe(1);
    expect(
      await valueOf('berth_step_duration_seconds_count{kind="provision",step="launch",passed="true"}'),
    ).toBe(1);
    expect(await valueOf('berth_provider_calls_total{place="process",call="launch",outcome="ok"}')).toBe(1);

    const out = new BackendError("backend_failed", "transient", "the provider is out of order");
    const { stop } = fleet.backend;
    Object.assign(fleet.backend, {
      stop: () => {
        Object.assign(fleet.backend, { stop });
        return Promise.reject(out);
      },
    });
    const again = (await requestRestart(fleet.context, workspace.id, BY_TEST)).operation;
    await ended(fleet.pool, [again.id]);
    expect(await valueOf('berth_operation_attempts_total{kind="restart",outcome="retry"}')).toBe(1);
    expect(await valueOf('berth_operations_ended_total{kind="restart",outcome="succeeded"}')).toBe(1);
    expect(
      await valueOf('berth_step_duration_seconds_count{kind="restart",step="stop",passed="false"}'),
    ).toBe(1);
    expect(
      await valueOf('berth_provider_calls_total{place="process",call="stop",outcome="backend_failed"}'),
    ).toBe(1);
  });

  it("count the runs of sweeps, and what they looked at", async () => {
    await expect
      .poll(() => valueOf('berth_sweep_runs_total{sweep="dispatch",outcome="ok"}'))
      .toBeGreaterThan(0);
    expect(await valueOf('berth_sweep_run_duration_seconds_count{sweep="dispatch"}')).toBeGreaterThan(0);
    expect(await valueOf('berth_sweep_looked_at_total{sweep="dispatch"}')).not.toBeNull();
  });

  it("are served beside /health and /ready, which says what it reaches", async () => {
    expect((await get("/metrics")).headers.get("content-type")).toContain("version=0.0.4");
    expect(await (await get("/health")).json()).toEqual({ status: "ok" });
    const ready = await get("/ready?full");
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: "ready", postgres: "up", queues: "up", places: ["process"] },
    ]);
    expect((await get("/")).status).toBe(404);
    expect((await get("/metrics", { method: "POST" })).status).toBe(405);
  });

  it("make it unready while PostgreSQL doesn't have what it needs", async () => {
    await fleet.pool.query("alter table operations rename to operations_away");
    try {
      const { status } = await get("/ready");
      expect([status, (await get("/health")).status]).toEqual([503, 200]);
    } finally {
      await fleet.pool.query("alter table operations_away rename to operations");
    }
  });
});

describe("docs/metrics.md", () => {
  it("names each figure that API and worker have, with its type and labels, and none besides", async () => {
    const served = await fetch(`${api.url}/metrics`, { headers: { authorization: `Bearer ${KEY}` } });
    const text = [await served.text(), ...(await scrape())].join("\n");
    const real = [...text.matchAll(/^# TYPE (berth_\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]);
    const rows = [...PAGE.matchAll(/^\| `(berth_\w+)` +\| (\w+) +\|([^|]*)\|/gm)];
    const told = rows.map(([, name, type]) => [name!, type!]);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(real));
    const labels = new Map(
      rows.map(([, name, , words]) => [name, [...words!.matchAll(/`(\w+)`/g)].map(([, one]) => one)]),
    );
    for (const [, name, given] of text.matchAll(/^(berth_\w+?)(?:_bucket|_sum|_count)?\{(.*)\} /gm)) {
      const used = [...given!.matchAll(/(\w+)="/g)].flatMap(([, one]) => (one === "le" ? [] : [one]));
      expect(used, name).toEqual(labels.get(name!));
    }
  });
});
