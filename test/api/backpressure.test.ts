import { afterEach, describe, expect, it } from "vitest";
import { longestWait } from "@berth/core/db/pool";
import { PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
afterEach(() => api.close());

const start = async (env: Record<string, string> = {}) => {
  api = await startTestApi(null, { BERTH_BACKENDS: "process,external", ...env });
  const { id, token } = await api.create({ backend: "external", spec: {} });
  return {
    beat: () =>
      api.call("POST", "/registry/heartbeat", {
        body: { workspace_id: id },
        headers: { authorization: `Bearer ${token}` },
      }),
  };
};

describe("2,000 changes of one workspace at once", () => {
  it("leave other workspaces, heartbeats and health as they were, and are all answered", async () => {
    const { beat } = await start();
    const { id } = await api.create();
    const under = new AbortController();
    const storm = Promise.all(
      Array.from({ length: 2_000 }, (_, index) =>
        api.call("PATCH", `/workspaces/${id}`, { body: { name: `w${index}` } }),
      ),
    ).finally(() => under.abort());
    let rounds = 0;
    while (!under.signal.aborted) {
      const made = await api.create();
      const others = [
        await api.call("GET", `/workspaces/${made.id}`),
        await api.call("PATCH", `/workspaces/${made.id}`, { body: { name: "other" } }),
        await api.call("DELETE", `/workspaces/${made.id}`),
      ];
      expect(others.map(({ status }) => status)).toEqual([200, 200, 202]);
      const alive = await Promise.all([beat(), api.call("GET", "/health"), api.call("GET", "/ready")]);
      expect(alive.map(({ status }) => status)).toEqual([200, 200, 200]);
      rounds++;
    }
    const answers = await storm;
    const statuses = new Map<number, number>();
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    expect([...statuses.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    for (const { body } of answers.filter(({ status }) => status === 503))
      expect(body).toMatchObject({ code: "overloaded", retryable: true });
    const { rows } = await api.pool.query<{ version: number }>(
      "select version from workspaces where id = $1",
      [id],
    );
    expect(rows[0]!.version, "what was answered 200 was done").toBe(1 + statuses.get(200)!);
    // They were served while the storm went on.
    expect(rounds).toBeGreaterThan(1);
  }, 300_000);
});

describe("while every connection to the database is in use", () => {
  it("creates and bulk operations are refused before all else is", async () => {
    await start({ BERTH_OVERLOAD_POOL_WAIT_MS: "60000" });
    const { max } = api.pool.options;
    const taken = await Promise.all(Array.from({ length: max }, () => api.pool.connect()));
    const early = api.call("GET", "/workspaces");
    await expect.poll(() => longestWait(api.pool), { interval: 10 }).toBeGreaterThan(0);
    // It needn't wait for so long: half of the bound is over as if it had.
    for (const one of api.pool.waiting) one.since -= 40_000;
    const create = { name: "w", spec: PROCESS_SPEC };
    const bulk = { kind: "pause", filter: { name: "w" } };
    for (const [path, body] of [
      ["/workspaces", create],
      ["/operations/bulk", bulk],
    ] as const)
      expect((await api.call("POST", path, { body })).body, path).toMatchObject({ code: "overloaded" });
    const read = api.call("GET", "/operations");
    await expect.poll(() => api.pool.waiting.size, { interval: 10 }).toBe(2);
    for (const client of taken) client.release();
    expect([(await early).status, (await read).status]).toEqual([200, 200]);
  });

  it("new requests are refused at once, heartbeats and readiness aren't, and all is well afterwards", async () => {
    const { beat } = await start({ BERTH_OVERLOAD_POOL_WAIT_MS: "300" });
    const { max } = api.pool.options;
    const taken = await Promise.all(Array.from({ length: max }, () => api.pool.connect()));
    const early = api.call("GET", "/workspaces");
    await expect.poll(() => longestWait(api.pool), { interval: 10 }).toBeGreaterThan(300);
    // No connection is given back before it is answered.
    const result = await api.call("GET", "/workspaces");
    expect(result).toMatchObject({ status: 503, body: { code: "overloaded", retryable: true } });
    expect(Number(result.headers.get("retry-after"))).toBeGreaterThan(0);
    for (const path of ["/health", "/ready"]) expect((await api.call("GET", path)).status, path).toBe(200);
    expect((await beat()).status).toBe(200);
    for (const client of taken) client.release();
    expect((await early).status, "what was let in is served").toBe(200);
    expect((await api.call("GET", "/workspaces")).status).toBe(200);
  });
});

describe("while the process has more to do than it can", () => {
  it("requests are refused, heartbeats and health aren't, and all is well afterwards", async () => {
    const { beat } = await start({ BERTH_OVERLOAD_LOOP_DELAY_MS: "60" });
    const ids = [await api.create(), await api.create(), await api.create()].map(({ id }) => id);
    let busy = true;
    const keepBusy = (): void => {
      const until = performance.now() + 150;
      while (performance.now() < until);
      if (busy) setImmediate(() => setImmediate(keepBusy));
    };
    keepBusy();
    await expect.poll(async () => (await api.call("GET", "/workspaces")).status).toBe(503);
    const refused = await api.call("GET", "/workspaces");
    expect(refused).toMatchObject({ status: 503, body: { code: "overloaded" } });
    expect(refused.headers.get("retry-after")).toBe("1");
    for (const path of ["/health", "/ready", "/metrics"])
      expect((await api.call("GET", path)).status, path).toBe(200);
    expect((await beat()).status).toBe(200);
    const unknown = "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f";
    for (const [method, path] of [
      ["POST", "/sweeps/dispatch/run"],
      ["POST", "/sweeps/dispatch/approve"],
      ["POST", "/sweeps/dispatch/pause"],
      ["POST", "/sweeps/dispatch/resume"],
      ["POST", `/leaks/${unknown}/retry`],
      ["POST", `/leaks/${unknown}/release`],
      ["POST", `/operations/${unknown}/cancel`],
      ["DELETE", `/workspaces/${ids[0]}`],
      ["POST", `/workspaces/${ids[1]}/pause`],
      ["POST", `/workspaces/${ids[2]}/hibernate`],
      ["GET", "/now"],
      ["GET", "/places"],
      ["POST", "/places/nowhere/confirm"],
      ["GET", "/keys"],
      ["DELETE", `/keys/${unknown}`],
      ["DELETE", "/quotas/team:red"],
      ["GET", "/audit"],
      ["GET", "/sweeps"],
      ["GET", "/leaks"],
      ["GET", "/admin/liveness"],
      ["GET", "/admin/queues/"],
      ["GET", "/login"],
    ] as const)
      expect((await api.call(method, path)).status, `${method} ${path} relieves`).not.toBe(503);
    for (const [method, path] of [
      ["POST", "/workspaces"],
      ["POST", `/workspaces/${ids[1]}/restart`],
      ["GET", "/operations"],
    ] as const)
      expect((await api.call(method, path)).body, `${method} ${path}`).toMatchObject({ code: "overloaded" });
    busy = false;
    await expect.poll(async () => (await api.call("GET", "/workspaces")).status).toBe(200);
  });
});
