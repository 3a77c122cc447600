import { randomUUID } from "node:crypto";
import { readConfig } from "@berth/core/config/config";
import { createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { openQueues } from "@berth/core/queues/producer";
import { startApi } from "@berth/api/start";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleetEnvironment } from "../support/fleet.js";
import { KEY, PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

/** A label of nobody else. */
const fresh = () => ({ team: randomUUID() });
const path = (labels: { team: string }) => `/quotas/team:${encodeURIComponent(labels.team)}`;
const put = (labels: { team: string }, max_running: unknown, headers = {}) =>
  api.call("PUT", path(labels), { body: { max_running }, headers });
const post = (labels: Record<string, string>, options: { headers?: Record<string, string> } = {}) =>
  api.call("POST", "/workspaces", { body: { name: "w", spec: PROCESS_SPEC, labels }, ...options });
const running = async (labels: { team: string }) => (await api.call("GET", path(labels))).body.running;

/** One more API on this database, with connections of its own. */
async function startAnother() {
  const environment = { PORT: "0", HOST: "127.0.0.1", BERTH_ADMIN_KEY: KEY };
  const config = readConfig("api", fleetEnvironment(api.databaseUrl, null, environment));
  const pool = createPool(api.databaseUrl, { name: "another" });
  const queues = await openQueues(config, () => undefined);
  const other = await startApi({ config, pool, queues, logger: createLogger(config, "test") });
  return {
    async send(method: string, to: string, body: object = {}): Promise<number> {
      const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
      const response = await fetch(other.url + to, { method, headers, body: JSON.stringify(body) });
      await response.text();
      return response.status;
    },
    async close() {
      await other.close();
      await queues.close();
      await pool.end();
    },
  };
}

describe("a quota", () => {
  it("is made, read, replaced and removed, with a version and an event for each change", async () => {
    const labels = fresh();
    const label = `team:${labels.team}`;
    const made = await put(labels, 2);
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      label,
      max_running: 2,
      max_memory_mb: null,
      max_cpus: null,
      max_volume_gb: null,
      max_waiting: null,
      use: null,
      running: 0,
      fullest: [{ label, running: 0 }],
      version: 1,
      created_at: expect.any(String),
      updated_at: expect.any(String),
      updated_by: "admin",
    });
    await post(labels);
    expect((await api.call("GET", path(labels))).body).toMatchObject({ running: 1, max_running: 2 });
    // The same again is no change.
    expect(await put(labels, 2)).toMatchObject({ status: 200, body: { version: 1 } });
    const replaced = await put(labels, 7, { "if-match": '"1"' });
    expect([replaced.status, replaced.headers.get("etag")]).toEqual([200, '"2"']);
    expect(await put(labels, 9, { "if-match": '"1"' })).toMatchObject({
      status: 412,
      body: { code: "precondition_failed", version: 2 },
    });
    const stale = { headers: { "if-match": '"1"' } };
    expect((await api.call("DELETE", path(labels), stale)).status).toBe(412);
    expect(await api.call("DELETE", path(labels))).toMatchObject({ status: 200, body: { max_running: 7 } });
    expect(await api.call("DELETE", path(labels))).toMatchObject({
      status: 404,
      body: { code: "quota_not_found", label },
    });
    expect((await api.call("GET", path(labels))).status).toBe(404);
    expect((await put(labels, 1, { "if-match": '"1"' })).status).toBe(412);
    const { body: events } = await api.call("GET", "/events?type=quota.changed&type=quota.removed");
    expect(events.filter((event: { payload: { label: string } }) => event.payload.label === label)).toEqual([
      expect.objectContaining({
        event_type: "quota.changed",
        payload: { label, max_running: 2, was: null, requested_by: "admin" },
      }),
      expect.objectContaining({ payload: { label, max_running: 7, was: 2, requested_by: "admin" } }),
      expect.objectContaining({
        event_type: "quota.removed",
        payload: { label, was: 7, requested_by: "admin" },
      }),
    ]);
  });

  it("refuses with 409 what a client can act on, and a dry hand: nothing of it is kept", async () => {
    const labels = fresh();
    await put(labels, 1);
    const { body: first } = await post(labels);
    const { status, body, headers } = await post(labels);
    expect(status).toBe(409);
    expect(headers.get("retry-after")).toBeNull();
    expect(body).toMatchObject({
      type: "urn:berth:problem:quota_exceeded",
      code: "quota_exceeded",
      retryable: false,
      label: `team:${labels.team}`,
      quota: `team:${labels.team}`,
      max_running: 1,
      running: 1,
      workspaces: [{ id: first.id, name: "w", status: "provisioning" }],
      detail: expect.stringContaining(`delete, pause or hibernate one of them first, such as ${first.id}`),
    });
    const { body: list } = await api.call("GET", `/workspaces?label=team:${labels.team}`);
    expect(list).toHaveLength(1);
    await api.call("DELETE", `/workspaces/${first.id}`);
    expect((await post(labels)).status).toBe(202);
  });

  it("refuses no replay of what was accepted, and lets a refused one in when there is room", async () => {
    const labels = fresh();
    await put(labels, 1);
    const once = () => ({ headers: { "idempotency-key": randomUUID() } });
    const [accepted, refused] = [once(), once()];
    const { body: first } = await post(labels, accepted);
    expect((await post(labels, refused)).status).toBe(409);
    await put(labels, 0);
    const again = await post(labels, accepted);
    expect([again.status, again.body.id]).toEqual([202, first.id]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    await put(labels, 2);
    expect((await post(labels, refused)).status).toBe(202);
    expect(await running(labels)).toBe(2);
  });

  it("holds for resume, wake and changed labels too", async () => {
    const labels = fresh();
    const { body: sleeper } = await post(labels);
    await api.finish(sleeper.id, 1);
    await api.call("POST", `/workspaces/${sleeper.id}/pause`);
    await put(labels, 1);
    const { body: other } = await post({});
    await post(labels);
    for (const verb of ["resume", "wake"])
      expect(await api.call("POST", `/workspaces/${sleeper.id}/${verb}`)).toMatchObject({
        status: 409,
        body: { code: "quota_exceeded" },
      });
    const { status, body } = await api.call("PATCH", `/workspaces/${other.id}`, { body: { labels } });
    expect([status, body.code]).toEqual([409, "quota_exceeded"]);
  });

  it.each([
    ["label", "red", 1],
    ["label", "team%7f:red", 1],
    ["label", "team%0a:red", 1],
    ["label", ":red", 1],
    ["label", `team:${"x".repeat(257)}`, 1],
    ["max_running", "team:x", -1],
    ["max_running", "team:x", 1.5],
    ["max_running", "team:x", "1"],
    ["max_running", "team:x", undefined],
  ])("of a bad %s (%s, %s) is refused by its name", async (field, label, max_running) => {
    const { status, body } = await api.call("PUT", `/quotas/${label}`, { body: { max_running } });
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "invalid_request", errors: [{ field }] });
  });

  it("may be of any label that a workspace may have", async () => {
    for (const [key, value] of [
      ["a/b.c", "d:e/f %?#"],
      ["team", ""],
      ["x", "😀".repeat(256)],
    ] as const) {
      const to = `/quotas/${encodeURIComponent(`${key}:${value}`)}`;
      expect((await api.call("PUT", to, { body: { max_running: 1 } })).status).toBe(201);
      expect((await post({ [key]: value })).status).toBe(202);
      expect((await post({ [key]: value })).body.label).toBe(`${key}:${value}`);
      expect((await api.call("GET", to)).body.running).toBe(1);
      await api.call("DELETE", to);
    }
  });

  it("is listed in order, on pages that neither skip nor repeat", async () => {
    for (let n = 0; n < 5; n++)
      await api.call("PUT", `/quotas/page:${n}%20of%20${randomUUID()}`, { body: { max_running: n } });
    const seen: string[] = [];
    let next: string | undefined = "/quotas?limit=2";
    while (next !== undefined) {
      const { headers, body } = await api.call("GET", next);
      expect(body.length).toBeLessThanOrEqual(2);
      seen.push(...body.map((quota: { label: string }) => quota.label));
      next = /<([^>]+)>/.exec(headers.get("link") ?? "")?.[1];
    }
    const { rows } = await api.pool.query(
      "select key || ':' || value as label from quotas order by key, value",
    );
    expect(seen).toEqual(rows.map((row) => row.label));
    expect((await api.call("GET", "/quotas?after=bm9wZQ")).body.errors).toMatchObject([{ field: "after" }]);
  });

  it("and its use are figures for whoever watches", async () => {
    const labels = fresh();
    await put(labels, 3);
    await post(labels);
    const { body } = await api.call("GET", "/metrics");
    const lines = (body as string).split("\n");
    expect(lines).toContain(`berth_quota_running{quota="team:${labels.team}"} 1`);
    expect(lines).toContain(`berth_quota_limit{quota="team:${labels.team}"} 3`);
    await api.call("DELETE", path(labels));
    expect((await api.call("GET", "/metrics")).body).not.toContain(labels.team);
  });
});

describe("two API processes", () => {
  it("accept 5 of 20 creates at once with a quota of 5, whatever else goes on with its labels", async () => {
    const other = await startAnother();
    try {
      for (let round = 0; round < 3; round++) {
        const labels = fresh();
        await put(labels, 5);
        const body = { name: "w", spec: PROCESS_SPEC, labels };
        const statuses = await Promise.all(
          Array.from({ length: 20 }, async (_, n) =>
            n % 2 === 0 ? (await post(labels)).status : other.send("POST", "/workspaces", body),
          ),
        );
        expect(statuses.filter((status) => status === 202)).toHaveLength(5);
        expect(statuses.filter((status) => status === 409)).toHaveLength(15);
        expect(await running(labels)).toBe(5);
      }
    } finally {
      await other.close();
    }
  });

  it("never exceed one by creates, resumes and changed labels that come together, in any order of labels", async () => {
    const other = await startAnother();
    try {
      const [a, b] = [randomUUID(), randomUUID()];
      const both = [
        { one: a, two: b },
        { two: b, one: a },
      ];
      const outside: string[] = [];
      const asleep: string[] = [];
      for (let n = 0; n < 6; n++) {
        outside.push((await post({ three: a })).body.id);
        const { id } = (await post(both[n % 2]!)).body;
        await api.finish(id, 1);
        await api.call("POST", `/workspaces/${id}/pause`);
        asleep.push(id);
      }
      for (const label of [`one:${a}`, "two:*"])
        await api.call("PUT", `/quotas/${encodeURIComponent(label)}`, { body: { max_running: 4 } });
      const sends = Array.from({ length: 6 }, (_, n) => [
        ["POST", "/workspaces", { name: "w", spec: PROCESS_SPEC, labels: both[n % 2]! }] as const,
        ["POST", `/workspaces/${asleep[n]}/resume`, {}] as const,
        ["PATCH", `/workspaces/${outside[n]}`, { labels: both[(n + 1) % 2]! }] as const,
      ]).flat();
      const statuses = await Promise.all(
        sends.map(async ([method, to, body], n) =>
          n % 2 === 0 ? (await api.call(method, to, { body })).status : other.send(method, to, body),
        ),
      );
      expect(statuses.filter((status) => status < 300)).toHaveLength(4);
      expect(statuses.filter((status) => status === 409)).toHaveLength(14);
      const { body } = await api.call("GET", `/quotas/${encodeURIComponent("two:*")}`);
      expect(body).toMatchObject({ running: 4, fullest: [{ label: `two:${b}`, running: 4 }] });
    } finally {
      await other.close();
    }
  });
});
