import { readConfig } from "@berth/core/config/config";
import { createLogger } from "@berth/core/base/logger";
import { startWorker } from "@berth/worker/start";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { fleetEnvironment } from "../support/fleet.js";
import { createRecordedBackend } from "../support/recorded-backend.js";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(inject("redis").url);
});
afterAll(() => api.close());

const NONE = { pending: 0, refused: 0, queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
const start = (body: unknown, query = "", headers: Record<string, string> = {}) =>
  api.call("POST", `/operations/bulk${query}`, { body, headers });

describe("POST /operations/bulk", () => {
  it.each<[string, unknown, string]>([
    ["no kind", { workspace_ids: ["0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f"] }, "kind"],
    ["an unknown kind", { kind: "provision", filter: { name: "w" } }, "kind"],
    ["neither ids nor a filter", { kind: "pause" }, "workspace_ids"],
    [
      "both",
      { kind: "pause", workspace_ids: ["0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f"], filter: { name: "w" } },
      "workspace_ids",
    ],
    ["no ids", { kind: "pause", workspace_ids: [] }, "workspace_ids"],
    ["what is no id", { kind: "pause", workspace_ids: ["w"] }, "workspace_ids[0]"],
    ["a filter that all pass", { kind: "delete", filter: {} }, "filter"],
    ["an unknown status", { kind: "delete", filter: { status: ["gone"] } }, "filter.status[0]"],
    [
      "a day that no calendar has",
      { kind: "delete", filter: { created_after: "2026-02-30T00:00:00Z" } },
      "created_after",
    ],
    ["a cascade of a pause", { kind: "pause", filter: { name: "w" }, cascade: true }, "cascade"],
    ["a forced restart", { kind: "restart", filter: { name: "w" }, force: true }, "force"],
  ])("refuses %s and names the field", async (_, body, field) => {
    const answer = await start(body);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field);
  });

  it("is accepted once under an Idempotency-Key, and followed by one id to its end", async () => {
    const made = await Promise.all(
      ["a", "b", "c"].map((name) => api.create({ name, labels: { team: "red" } })),
    );
    await api.create({ name: "d", labels: { team: "blue" } });
    const body = { kind: "delete", filter: { label: ["team:red"] } };
    const tried = await start(body, "?dry_run=true");
    expect(tried).toMatchObject({
      status: 200,
      body: { dry_run: true, kind: "delete", total: 3, would_accept: 3, refused: [] },
    });
    expect(tried.body.workspace_ids.toSorted()).toEqual(made.map(({ id }) => id).toSorted());
    expect((await api.call("GET", `/workspaces/${made[0].id}`)).body.status).toBe("provisioning");

    const key = { "idempotency-key": "bulk-1" };
    const first = await start(body, "", key);
    expect(first).toMatchObject({
      status: 202,
      body: {
        kind: "delete",
        state: "accepting",
        total: 3,
        requested_by: "admin",
        counts: { ...NONE, pending: 3 },
      },
    });
    const path = `/operations/bulk/${first.body.id}`;
    expect(first.headers.get("location")).toBe(path);
    expect((await start(body, "", key)).body.id).toBe(first.body.id);
    expect((await start({ ...body, cascade: true }, "", key)).status).toBe(422);
    expect((await api.queues.sweeps.getJobs(["waiting"])).map((job) => job.name)).toContain("bulk");

    const config = readConfig("worker", fleetEnvironment(api.databaseUrl, inject("redis").url));
    const worker = startWorker({
      config,
      pool: api.pool,
      queues: api.queues,
      backends: new Map([["process", await createRecordedBackend(api.pool)]]),
      logger: createLogger(config, "test"),
    });
    try {
      await vi.waitFor(
        async () =>
          expect((await api.call("GET", path)).body).toMatchObject({
            state: "finished",
            counts: { ...NONE, succeeded: 3 },
          }),
        { interval: 50 },
      );
    } finally {
      await worker.close();
    }
    const page = await api.call("GET", `${path}/items?limit=2`);
    expect(page.body).toHaveLength(2);
    expect(page.body[0]).toMatchObject({ state: "accepted", operation_state: "succeeded", error: null });
    const next = /<([^>]+)>; rel="next"/.exec(page.headers.get("link")!)![1]!;
    expect((await api.call("GET", next)).body).toHaveLength(1);
    expect((await api.call("GET", `${path}/items?state=refused`)).body).toEqual([]);
    expect((await api.call("GET", "/workspaces?name=d")).body).toMatchObject([{ labels: { team: "blue" } }]);
    const events = (await api.call("GET", "/events?type=bulk.requested")).body;
    expect(events).toMatchObject([{ payload: { bulk_id: first.body.id, kind: "delete", workspaces: 3 } }]);
  });

  it("that nobody knows is a 404", async () => {
    const path = "/operations/bulk/0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f";
    for (const one of [path, `${path}/items`])
      expect(await api.call("GET", one)).toMatchObject({
        status: 404,
        body: { code: "operation_not_found" },
      });
    expect((await api.call("GET", "/operations/bulk/x")).body).toMatchObject({ code: "invalid_id" });
  });
});
