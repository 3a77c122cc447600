import { afterEach, describe, expect, it } from "vitest";
import { longestWait } from "@berth/core/db/pool";
import { startTestApi, type TestApi } from "./api.js";

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
const timed = async <T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> => {
  const began = performance.now();
  const result = await work();
  return { result, ms: performance.now() - began };
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
    const slowest = { other: 0, alive: 0 };
    let rounds = 0;
    while (!under.signal.aborted) {
      const others = await timed(async () => {
        const made = await api.create();
        return [
          await api.call("GET", `/workspaces/${made.id}`),
          await api.call("PATCH", `/workspaces/${made.id}`, { body: { name: "other" } }),
          await api.call("DELETE", `/workspaces/${made.id}`),
        ].map(({ status }) => status);
      });
      expect(others.result).toEqual([200, 200, 202]);
      const alive = await timed(() =>
        Promise.all([beat(), api.call("GET", "/health"), api.call("GET", "/ready")]),
      );
      expect(alive.result.map(({ status }) => status)).toEqual([200, 200, 200]);
      slowest.other = Math.max(slowest.other, others.ms);
      slowest.alive = Math.max(slowest.alive, alive.ms);
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
    expect(rounds).toBeGreaterThan(1);
    // Four requests one after another, each of which may take 5 s.
    expect(slowest.other).toBeLessThan(20_000);
    expect(slowest.alive).toBeLessThan(5_000);
  }, 60_000);
});

describe("while every connection to the database is in use", () => {
  it("new requests are refused at once, heartbeats and readiness aren't, and all is well afterwards", async () => {
    const { beat } = await start({ BERTH_OVERLOAD_POOL_WAIT_MS: "300" });
    const { max } = api.pool.options;
    const taken = await Promise.all(Array.from({ length: max }, () => api.pool.connect()));
    const early = api.call("GET", "/workspaces");
    await expect.poll(() => longestWait(api.pool), { interval: 10 }).toBeGreaterThan(300);
    const { result, ms } = await timed(() => api.call("GET", "/workspaces"));
    expect(result).toMatchObject({ status: 503, body: { code: "overloaded", retryable: true } });
    expect(Number(result.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(ms).toBeLessThan(1_000);
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
    let busy = true;
    const keepBusy = (): void => {
      const until = performance.now() + 150;
      while (performance.now() < until);
      if (busy) setImmediate(() => setImmediate(keepBusy));
    };
    keepBusy();
    await expect
      .poll(async () => (await api.call("GET", "/workspaces")).status, { timeout: 20_000 })
      .toBe(503);
    const refused = await api.call("GET", "/workspaces");
    expect(refused).toMatchObject({ status: 503, body: { code: "overloaded" } });
    expect(refused.headers.get("retry-after")).toBe("1");
    for (const path of ["/health", "/ready", "/metrics"])
      expect((await api.call("GET", path)).status, path).toBe(200);
    expect((await beat()).status).toBe(200);
    busy = false;
    await expect
      .poll(async () => (await api.call("GET", "/workspaces")).status, { timeout: 20_000 })
      .toBe(200);
  }, 60_000);
});
