import { randomUUID } from "node:crypto";
import { listApiKeys } from "@berth/core/db/api-keys";
import type { Pool } from "@berth/core/db/pool";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { listEvents } from "@berth/core/db/events";
import { type Answer, PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const make = async (name: string, extra = {}) =>
  api.call("POST", "/keys", { body: { name, scope: "operator", ...extra } });
const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

describe("a key", () => {
  it("is shown once, kept as a hash, and is listed without it", async () => {
    const { status, body } = await make("shown");
    expect(status).toBe(201);
    expect(body.key).toMatch(/^berth_o_[\w-]{43}$/);
    const { rows } = await api.pool.query("select * from api_keys where id = $1", [body.id]);
    expect(JSON.stringify(rows)).not.toContain(body.key);
    const list = await api.call("GET", "/keys");
    expect(JSON.stringify(list.body)).not.toMatch(/hash|berth_o_/);
    expect(list.body[0]).toMatchObject({ name: "shown", scope: "operator", revoked_at: null });
  });

  it("gives its name to operations and to every event of them", async () => {
    const { body } = await make("actor");
    const made = await api.call("POST", "/workspaces", {
      body: { name: "w", spec: PROCESS_SPEC },
      ...as(body.key),
    });
    expect(made.body.operation.requested_by).toBe("actor");
    await api.finish(made.body.id, 1);
    await api.call("POST", `/workspaces/${made.body.id}/restart`, as(body.key));
    await api.call("DELETE", `/workspaces/${made.body.id}`, as(body.key));
    const events = await listEvents(api.pool, { workspaceId: made.body.id, limit: 100 });
    expect(events.length).toBeGreaterThan(3);
    for (const event of events)
      expect(event.payload, event.event_type).toMatchObject({ requested_by: "actor" });
  });

  it("is told as requested_by also by events that were written when it was called by", async () => {
    await api.pool.query(
      `insert into structure_events (event_type, payload) values ('sweep.paused', '{"sweep": "liveness", "by": "old"}')`,
    );
    const { body } = await api.call("GET", "/events?type=sweep.paused");
    expect(body.at(-1).payload).toEqual({ sweep: "liveness", requested_by: "old" });
  });

  it("is refused at once when it is revoked, which is idempotent, and tells who made and revoked it", async () => {
    const { body } = await make("short");
    expect((await api.call("GET", "/workspaces", as(body.key))).status).toBe(200);
    for (let n = 0; n < 2; n++) expect((await api.call("DELETE", `/keys/${body.id}`)).status).toBe(200);
    expect((await api.call("GET", "/workspaces", as(body.key))).status).toBe(401);
    const events = (await listEvents(api.pool, { limit: 1000 })).filter(
      (e) => e.payload["key_id"] === body.id,
    );
    expect(events.map((e) => [e.event_type, e.payload["requested_by"]])).toEqual([
      ["api_key.created", "admin"],
      ["api_key.revoked", "admin"],
    ]);
    expect(JSON.stringify(events)).not.toContain(body.key);
  });

  it("is revoked with all that it has made, and what that has made, if that is asked for", async () => {
    const [parent, other] = [await make("parent", { scope: "admin" }), await make("other")];
    const child = await api.call("POST", "/keys", {
      body: { name: "child", scope: "admin" },
      ...as(parent.body.key),
    });
    const grandchild = await api.call("POST", "/keys", {
      body: { name: "grandchild", scope: "viewer" },
      ...as(child.body.key),
    });
    expect([parent, child, grandchild].map(({ body }) => body.created_by)).toEqual([
      null,
      parent.body.id,
      child.body.id,
    ]);
    const statusOf = async ({ body }: Answer) => (await api.call("GET", "/workspaces", as(body.key))).status;
    expect((await api.call("DELETE", `/keys/${parent.body.id}`)).status).toBe(200);
    expect(await Promise.all([parent, child, grandchild].map(statusOf))).toEqual([401, 200, 200]);
    expect((await api.call("DELETE", `/keys/${parent.body.id}?cascade=true`)).status).toBe(200);
    expect(await Promise.all([child, grandchild, other].map(statusOf))).toEqual([401, 401, 200]);
  });

  it("notes its last use", async () => {
    const { body } = await make("used");
    await api.call("GET", "/workspaces", as(body.key));
    await vi.waitFor(async () => {
      const { rows } = await api.pool.query("select last_used_at from api_keys where id = $1", [body.id]);
      expect(rows[0].last_used_at).not.toBeNull();
    });
  });

  it("has a name that no other has until it is revoked", async () => {
    const { body } = await make("twice");
    expect(await make("twice")).toMatchObject({ status: 409, body: { code: "name_taken" } });
    await api.call("DELETE", `/keys/${body.id}`);
    expect((await make("twice")).status).toBe(201);
  });

  it.each([
    ["name", { name: "admin" }],
    ["name", { name: "a b" }],
    ["scope", { scope: "root" }],
    ["expires_at", { expires_at: "2020-01-01T00:00:00Z" }],
    ["expires_at", { expires_at: "2030-13-45T00:00:00Z" }],
  ])("with a bad %s is refused", async (field, extra) => {
    const { status, body } = await make("bad", extra);
    expect(status).toBe(400);
    expect(body.errors[0].field).toBe(field);
  });

  it("is listed on pages that neither skip nor repeat", async () => {
    for (let n = 0; n < 5; n++) await make(`page-${n}`);
    const seen: string[] = [];
    let next: string | undefined = "/keys?limit=2";
    while (next !== undefined) {
      const { headers, body } = await api.call("GET", next);
      seen.push(...body.map((key: { id: string }) => key.id));
      next = /<([^>]+)>/.exec(headers.get("link") ?? "")?.[1];
    }
    const { rows } = await api.pool.query("select id from api_keys order by created_at desc, id desc");
    expect(seen).toEqual(rows.map((row) => row.id));
  });

  it("is found on a page by its index, however many there are", async () => {
    await api.pool.query(
      `insert into api_keys (id, name, scope, key_hash, created_at, revoked_at)
       select gen_random_uuid(), 'many-' || n, 'viewer', decode(md5('many-' || n), 'hex'),
         now() - n * interval '1 second', now() from generate_series(1, 20000) n`,
    );
    await api.pool.query("analyze api_keys");
    const plans: string[] = [];
    const explaining = {
      query: async (text: string, values: unknown[]) => {
        const { rows } = await api.pool.query(`explain ${text}`, values);
        plans.push(rows.map((row: { "QUERY PLAN": string }) => row["QUERY PLAN"]).join("\n"));
        return { rows: [] };
      },
    } as unknown as Pool;
    const middle = String((Date.now() - 10_000_000) * 1_000);
    await listApiKeys(explaining, { limit: 100 });
    await listApiKeys(explaining, { limit: 100, after: { micros: middle, id: randomUUID() } });
    for (const plan of plans) {
      expect(plan).toMatch(/Index Scan Backward using api_keys_created/);
      expect(plan).not.toMatch(/Seq Scan|Sort/);
    }
    await api.pool.query("delete from api_keys where name like 'many-%'");
  });
});
