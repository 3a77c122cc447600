import { randomUUID } from "node:crypto";
import { registerSweeps, setHeld } from "@berth/core/db/sweeps";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

describe.each(["postgres", "redis"])("GET /metrics with the queues on %s", (store) => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi(store === "redis" ? inject("redis").url : null);
  });
  afterAll(() => api.close());

  const scrape = async (): Promise<string[]> => {
    const { status, body } = await api.call("GET", "/metrics");
    expect(status).toBe(200);
    return (body as string).split("\n");
  };

  it("speaks Prometheus's text format: each line a comment or a figure", async () => {
    const { headers } = await api.call("GET", "/metrics");
    expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = await scrape();
    expect(lines.some((line) => line.startsWith("process_cpu_seconds_total"))).toBe(true);
    // Node's delay of its event loop is "Nan" at first; Prometheus reads that in any case.
    for (const line of lines.filter((one) => one !== ""))
      expect(line).toMatch(
        /^(# (HELP|TYPE) \S+ .+|[a-z_][a-z0-9_]*(\{.*\})? [0-9.eE+-]+|.* ([Nn]a[Nn]|\+Inf))$/,
      );
  });

  it("counts workspaces, operations by kind and state, and what waits in the queues", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    await api.call("POST", `/workspaces/${id}/restart`);
    const lines = await scrape();
    expect(lines).toContain('berth_workspaces{backend="process",status="online"} 1');
    expect(lines).toContain('berth_operations{kind="restart",state="queued"} 1');
    expect(lines).toContain('berth_operations_ended_last_hour{kind="provision",state="succeeded"} 1');
    expect(lines.some((line) => line.includes('kind="provision",state="queued"'))).toBe(false);
    // The first one's job is still there: no worker took it.
    expect(lines).toContain('berth_queue_jobs{queue="operations",state="waiting"} 2');
    expect(lines).toContain('berth_queue_jobs{queue="sweeps",state="waiting"} 0');
  });

  it("times requests by the pattern of their route, so that callers can't make series", async () => {
    for (let n = 0; n < 3; n++) {
      await api.call("GET", `/workspaces/${randomUUID()}`);
      await api.call("GET", `/nothing/${randomUUID()}`);
    }
    const counts = (await scrape()).filter((line) =>
      line.startsWith("berth_http_request_duration_seconds_count"),
    );
    const about = (part: string) => counts.filter((line) => line.includes(part));
    expect(about('method="GET",route="/workspaces/:id",status="404"')).toEqual([
      expect.stringMatching(/ 3$/),
    ]);
    expect(about('route="none"')).toEqual([expect.stringMatching(/method="any".*status="404"\} 3$/)]);
    expect(counts.join()).not.toContain("/nothing");
  });

  it("turns for a silent sweep, a breaker that holds, and what is leaked", async () => {
    await registerSweeps(api.pool, [
      { name: "dispatch", everyMs: 1_000 },
      { name: "docker-orphans", everyMs: 60_000 },
    ]);
    await api.pool.query(
      "update sweeps set registered_at = now() - interval '1 minute' where name = 'dispatch'",
    );
    await setHeld(api.pool, "docker-orphans", { looked_at: 9, would_act: 8, actions: [] });
    await api.pool.query(
      `insert into sightings (backend, kind, provider_id, name, state, created_at, why)
       values ('process', 'volume', 'v-1', 'v', 'present', now(), 'nobody claims it')`,
    );
    const lines = await scrape();
    expect(lines).toContain('berth_sweep_silent{sweep="dispatch"} 1');
    expect(lines).toContain('berth_sweep_silent{sweep="docker-orphans"} 0');
    expect(lines).toContain('berth_sweep_silent{sweep="retention"} 0');
    expect(lines.find((line) => line.startsWith('berth_sweep_quiet_seconds{sweep="dispatch"} '))).toMatch(
      / 6\d/,
    );
    expect(lines).toContain('berth_sweep_held_acts{sweep="docker-orphans"} 8');
    expect(lines).toContain('berth_leaks{source="unclaimed",backend="process",kind="volume"} 1');
    await api.pool.query("delete from sightings");
    expect((await scrape()).filter((line) => line.startsWith("berth_leaks{"))).toEqual([]);
  });

  it("goes on without what doesn't answer, shows none of its old figures, and says so", async () => {
    await api.pool.query("alter table sweeps rename to sweeps_away");
    try {
      const lines = await scrape();
      expect(lines).toContain('berth_source_up{source="sweeps"} 0');
      expect(lines).toContain('berth_source_up{source="workspaces"} 1');
      expect(lines).toContain('berth_source_up{source="queues"} 1');
      expect(lines.filter((line) => line.startsWith("berth_sweep_silent{"))).toEqual([]);
    } finally {
      await api.pool.query("alter table sweeps_away rename to sweeps");
    }
    expect(await scrape()).toContain('berth_source_up{source="sweeps"} 1');
  });
});
