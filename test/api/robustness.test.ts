import { connect, createServer } from "node:net";
import { once } from "node:events";
import { migrate } from "@berth/core/db/migrate";
import { createPool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { readConfig } from "@berth/core/config/config";
import { openQueues } from "@berth/core/queues/producer";
import { startApi } from "@berth/api/start";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { fleetEnvironment } from "../support/fleet.js";
import { startPostgres } from "../support/postgres.js";
import { KEY, PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

describe("every answer", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi(inject("redis").url);
  });
  afterAll(() => api.close());

  it("of a path that isn't is a problem", async () => {
    for (const path of ["/nothing", "/workspaces/a/b/c", "/%E0%A4%A", "/workspaces/%zz"]) {
      const { status, headers, body } = await api.call("GET", path);
      expect([400, 404], path).toContain(status);
      expect(headers.get("content-type"), path).toBe("application/problem+json");
      expect(body, path).toMatchObject({ status, retryable: false, request_id: headers.get("x-request-id") });
    }
    expect(await api.call("GET", "/nothing?x=1")).toMatchObject({
      status: 404,
      body: { code: "not_found", instance: "/nothing" },
    });
  });

  it.each([
    ["PUT", "/workspaces", "GET, HEAD, POST"],
    ["POST", "/workspaces/00000000-0000-4000-8000-000000000000", "DELETE, GET, HEAD, PATCH"],
    ["GET", "/workspaces/00000000-0000-4000-8000-000000000000/restart", "POST"],
    ["DELETE", "/health", "GET, HEAD"],
    ["OPTIONS", "/events", "GET, HEAD"],
  ])("to %s %s says which methods there are", async (method, path, allow) => {
    const { status, headers, body } = await api.call(method, path);
    expect({ status, allow: headers.get("allow") }).toEqual({ status: 405, allow });
    expect(body).toMatchObject({ code: "method_not_allowed", allowed: allow.split(", ") });
  });

  it("to HEAD has the headers of GET and no body", async () => {
    const { id } = await api.create();
    const head = await fetch(`${api.url}/workspaces/${id}`, {
      method: "HEAD",
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(head.status).toBe(200);
    expect(head.headers.get("etag")).toBe('"1"');
    expect(await head.text()).toBe("");
    const unknown = await fetch(`${api.url}/nothing`, {
      method: "HEAD",
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(unknown.status).toBe(404);
    expect(unknown.headers.get("content-type")).toBe("application/problem+json");
  });

  it("has the caller's request id, or one of ours", async () => {
    const id = (value?: string) =>
      api.call("GET", "/health", { headers: value === undefined ? {} : { "x-request-id": value } });
    expect((await id("abc-123")).headers.get("x-request-id")).toBe("abc-123");
    expect((await id()).headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect((await id("x".repeat(129))).headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("keeps browsers from guessing, framing and storing", async () => {
    const { headers } = await api.call("GET", "/workspaces");
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-security-policy": "default-src 'none';frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "no-referrer",
      "strict-transport-security": expect.any(String),
      "cache-control": "no-store",
    });
    expect(headers.get("x-powered-by")).toBeNull();
  });

  it("to what isn't HTTP is a problem too", async () => {
    const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
    socket.end("NONSENSE\r\n\r\n");
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    await once(socket, "close");
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(JSON.parse(text.split("\r\n\r\n")[1]!)).toMatchObject({ code: "invalid_request", status: 400 });
    const large = await fetch(`${api.url}/health`, { headers: { "x-large": "x".repeat(20_000) } });
    expect(large.status).toBe(431);
    expect(await large.json()).toMatchObject({ status: 431, detail: "the headers are too large" });
  });

  it("has no word of what failed inside", async () => {
    await api.pool.query("alter table structure_events rename to hidden");
    const answer = await api.call("GET", "/events");
    await api.pool.query("alter table hidden rename to structure_events");
    expect(answer).toMatchObject({ status: 500, body: { code: "internal", request_id: expect.any(String) } });
    expect(JSON.stringify(answer.body)).not.toMatch(/structure_events|relation|select|\.ts|\.js/);
  });

  it("of Bull Board shows all queues with their jobs", async () => {
    const { id } = await api.create();
    const { body } = await api.call(
      "GET",
      "/admin/queues/api/queues?activeQueue=operations-process&status=latest",
    );
    expect(body.queues.map((queue: { name: string }) => queue.name).toSorted()).toEqual([
      "ends-process",
      "operations",
      "operations-process",
      "sweeps",
      "webhooks",
    ]);
    const operations = body.queues.find((queue: { name: string }) => queue.name === "operations-process");
    expect(operations.jobs.map((job: { id: string }) => job.id)).toContain(`${id}-1`);
    const page = await api.call("GET", "/admin/queues/");
    expect(page.headers.get("content-security-policy")).toContain("script-src 'self';");
    const [, script] = /src="(static\/js\/main[^"]+)"/.exec(page.body) ?? [];
    expect((await api.call("GET", `/admin/queues/${script}`)).status).toBe(200);
  });

  it("of readiness says what it rests on", async () => {
    expect((await fetch(`${api.url}/health`)).status).toBe(200);
    expect(await (await fetch(`${api.url}/ready`)).json()).toEqual({
      status: "ready",
      postgres: "up",
      queues: "up",
      queues_on: "redis",
      degraded: [expect.stringContaining("workers: none")],
      held: [],
    });
  });
});

describe("without Redis", () => {
  /** Takes connections and never says a word. */
  const silent = createServer();
  beforeAll(async () => {
    await once(silent.listen(0, "127.0.0.1"), "listening");
  });
  afterAll(() => {
    silent.close();
  });

  it.each(["refusing", "silent"])("requests are accepted, and readiness says so (I6): %s", async (how) => {
    const { port } = silent.address() as { port: number };
    const sockets: { destroy(): void }[] = [];
    silent.on("connection", (socket) => sockets.push(socket));
    const api = await startTestApi(`redis://127.0.0.1:${how === "silent" ? port : 1}`);
    try {
      const created = await api.call("POST", "/workspaces", { body: { name: "w", spec: PROCESS_SPEC } });
      expect(created).toMatchObject({ status: 202, body: { operation: { state: "queued" } } });
      expect((await api.call("POST", `/workspaces/${created.body.id}/restart`)).status).toBe(202);
      expect((await api.call("DELETE", `/workspaces/${created.body.id}`)).status).toBe(202);
      const ready = await fetch(`${api.url}/ready`);
      expect(ready.status).toBe(200);
      expect(await ready.json()).toMatchObject({
        status: "ready",
        postgres: "up",
        queues: "down",
        degraded: expect.arrayContaining([expect.stringContaining("carried out when it is back")]),
      });
    } finally {
      for (const socket of sockets) socket.destroy();
      await api.close();
    }
  });
});

describe("without PostgreSQL", () => {
  it("requests are refused with 503 and when to try again, and served once it is back", async () => {
    await using postgres = await startPostgres();
    await migrate(postgres.url);
    const config = readConfig(
      "api",
      fleetEnvironment(postgres.url, null, { PORT: "0", BERTH_ADMIN_KEY: KEY }),
    );
    const logger = createLogger(config, "test");
    const pool = createPool(postgres.url);
    const queues = await openQueues(config, () => undefined);
    const api = await startApi({ config, pool, queues, logger });
    const get = (path: string) => fetch(api.url + path, { headers: { authorization: `Bearer ${KEY}` } });
    expect((await get("/workspaces")).status).toBe(200);

    await postgres.stop();
    for (const path of ["/workspaces", "/events", "/ready"]) {
      const response = await get(path);
      expect(response.status, path).toBe(503);
      expect(response.headers.get("retry-after"), path).toMatch(/^\d+$/);
      expect(await response.json(), path).toMatchObject({ code: "database_unavailable", retryable: true });
    }
    expect((await get("/health")).status).toBe(200);
    await postgres.start();
    await expect.poll(async () => (await get("/ready")).status).toBe(200);
    expect((await get("/workspaces")).status).toBe(200);
    await api.close();
    await queues.close();
    await pool.end();
  });
});
