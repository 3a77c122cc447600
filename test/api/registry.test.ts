import { createHash, randomBytes, randomUUID } from "node:crypto";
import { listEvents } from "@berth/core/db/events";
import { getWorkspace } from "@berth/core/db/workspaces";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_AGENTS_PORT: "0" });
});
afterAll(() => api.close());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const say = (verb: "register" | "heartbeat", token: string, body: unknown) =>
  api.call("POST", `/registry/${verb}`, { body, headers: bearer(token) });

/** Gives a workspace its next generation, as a launch does. @returns its token */
async function launch(id: string, generation: number, status = "awaiting_agent"): Promise<string> {
  const token = randomBytes(32).toString("base64url");
  await api.pool.query("update workspaces set generation = $2, token_hash = $3, status = $4 where id = $1", [
    id,
    generation,
    createHash("sha256").update(token).digest(),
    status,
  ]);
  return token;
}
const agent = async () => {
  const { id } = (await api.create()) as { id: string };
  return { id, token: await launch(id, 1) };
};

describe("the agents' own address", () => {
  it("answers agents, and has nothing else of the API", async () => {
    const { id, token } = await agent();
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${api.running.agentsPort}${path}`, init);
    const beat = await ask("/registry/heartbeat", {
      method: "POST",
      headers: { ...bearer(token), "content-type": "application/json" },
      body: JSON.stringify({ workspace_id: id }),
    });
    expect(beat.status).toBe(200);
    for (const path of ["/workspaces", "/health", "/registry/../workspaces", "/", "//registry/heartbeat"]) {
      const answer = await ask(path, { headers: bearer(KEY) });
      expect([answer.status, await answer.text()], path).toEqual([404, "only agents are answered here\n"]);
    }
    expect((await ask("/registry/..%2fworkspaces", { headers: bearer(KEY) })).status).toBe(404);
  });
});

describe("an agent", () => {
  it("registers with the token of its generation, and its workspace is online", async () => {
    const { id, token } = await agent();
    const { status, body } = await say("register", token, { workspace_id: id, active_tasks: 1 });
    expect(status).toBe(200);
    expect(body).toEqual({ workspace_id: id, status: "online", generation: 1, next_heartbeat_s: 30 });
    expect(await getWorkspace(api.pool, id)).toMatchObject({ status: "online", active_tasks: 1 });
  });

  it("degrades its workspace by what it says of its errors, and mends it", async () => {
    const { id, token } = await agent();
    const beat = async (error_rate: number) =>
      (await say("heartbeat", token, { workspace_id: id, error_rate, active_tasks: 0, uptime_s: 1.5 })).body
        .status as string;
    expect([await beat(0.49), await beat(0.5), await beat(0)]).toEqual(["online", "degraded", "online"]);
    const { body } = await api.call("GET", `/workspaces/${id}`);
    expect(body.last_heartbeat_at).toMatch(/Z$/);
  });

  it("of an older generation is refused, changes nothing, and leaves an event (I9)", async () => {
    const { id, token } = await agent();
    const newer = await launch(id, 2);
    for (const verb of ["register", "heartbeat"] as const) {
      const { status, body, headers } = await say(verb, token, { workspace_id: id });
      expect(status).toBe(401);
      expect(body).toMatchObject({ code: "stale_generation", retryable: false });
      expect(headers.get("www-authenticate")).toContain("Bearer");
    }
    expect(await getWorkspace(api.pool, id)).toMatchObject({
      status: "awaiting_agent",
      last_heartbeat_at: null,
    });
    const events = await listEvents(api.pool, {
      workspaceId: id,
      type: "workspace.heartbeat.stale",
      limit: 9,
    });
    expect(events).toHaveLength(1);
    expect((await say("register", newer, { workspace_id: id })).body).toMatchObject({ generation: 2 });
  });

  it("can't tell a workspace that isn't there from one that isn't its own", async () => {
    const { id, token } = await agent();
    const other = await agent();
    const mine = await say("heartbeat", token, { workspace_id: other.id });
    const none = await say("heartbeat", token, { workspace_id: randomUUID() });
    expect([mine.status, none.status]).toEqual([401, 401]);
    const asked = { workspace_id: expect.any(String), request_id: expect.any(String) };
    expect(none.body).toEqual({ ...mine.body, ...asked });
    expect(await getWorkspace(api.pool, id)).toMatchObject({ status: "awaiting_agent" });
  });

  it("is told every field that is wrong", async () => {
    const { token } = await agent();
    const { status, body } = await say("heartbeat", token, {
      workspace_id: "me",
      active_tasks: -1,
      error_rate: 1.01,
      uptime_s: "1",
      uptime_seconds: -1,
      sample_error: 5,
      current_task: {},
      url: "javascript:alert(1)",
    });
    expect([status, body.code]).toEqual([400, "invalid_request"]);
    expect(body.errors.map(({ field }: { field: string }) => field).toSorted()).toEqual([
      "active_tasks",
      "current_task",
      "error_rate",
      "sample_error",
      "uptime_s",
      "uptime_seconds",
      "url",
      "workspace_id",
    ]);
  });
});

describe("what an agent says of itself", () => {
  const shown = async (id: string) => (await api.call("GET", `/workspaces/${id}`)).body.agent as unknown;
  const NOTHING = { url: null, card: null, current_task: null, sample_error: null, uptime_seconds: null };

  it("is shown with its workspace, and stays until it says otherwise", async () => {
    const { id, token } = await agent();
    expect(await shown(id)).toBeNull();
    const card = { name: "echo", skills: ["search"], nested: { none: null } };
    await say("register", token, { workspace_id: id, url: "http://10.0.4.17:7000", card, uptime_seconds: 2 });
    expect(await shown(id)).toEqual({ ...NOTHING, url: "http://10.0.4.17:7000", card, uptime_seconds: 2 });
    await say("heartbeat", token, {
      workspace_id: id,
      current_task: "indexing",
      sample_error: "E".repeat(1_500),
    });
    const later = {
      url: "http://10.0.4.17:7000",
      card,
      current_task: "indexing",
      sample_error: "E".repeat(1_000),
    };
    expect(await shown(id)).toEqual({ ...later, uptime_seconds: 2 });
    await say("heartbeat", token, { workspace_id: id, uptime_seconds: 3 });
    await say("heartbeat", token, { workspace_id: id, current_task: null, card: null });
    expect(await shown(id)).toEqual({ ...later, current_task: null, card: null, uptime_seconds: 3 });
  });

  it("may have fields that this server doesn't know: they are let pass, and the agent counts as heard", async () => {
    const { id, token } = await agent();
    const body = { workspace_id: id, uptime_s: 9, gpu: { temperature: 61 }, version: "9.9" };
    expect(await say("heartbeat", token, body)).toMatchObject({ status: 200, body: { status: "online" } });
    expect(await shown(id)).toEqual({ ...NOTHING, uptime_seconds: 9 });
  });

  it("goes with its generation (I9)", async () => {
    const { id, token } = await agent();
    await say("register", token, { workspace_id: id, card: { old: true }, url: "http://old" });
    const newer = await launch(id, 2, "online");
    expect(await shown(id)).toEqual(NOTHING);
    await say("heartbeat", token, { workspace_id: id, card: { late: true } });
    await say("register", newer, { workspace_id: id, current_task: "new" });
    expect(await shown(id)).toEqual({ ...NOTHING, current_task: "new" });
  });

  it("has a card of at most 16 KiB and 64 levels", async () => {
    const { id, token } = await agent();
    const status = async (card: unknown) => (await say("register", token, { workspace_id: id, card })).status;
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    expect([await status("x".repeat(16_382)), await status("x".repeat(16_383))]).toEqual([200, 400]);
    expect([await status(deep(64)), await status(deep(65))]).toEqual([200, 400]);
  });
});

describe("a workspace's token", () => {
  it("is good for the registry only, and the admin key isn't good there", async () => {
    const { id, token } = await agent();
    for (const [method, path] of [
      ["GET", `/workspaces/${id}`],
      ["POST", `/workspaces/${id}/restart`],
      ["DELETE", `/workspaces/${id}`],
      ["GET", "/events"],
    ] as const)
      expect((await api.call(method, path, { headers: bearer(token) })).status, path).toBe(401);
    for (const verb of ["register", "heartbeat"] as const)
      expect((await say(verb, KEY, { workspace_id: id })).body).toMatchObject({ code: "unauthorized" });
    expect(await getWorkspace(api.pool, id)).toMatchObject({ status: "awaiting_agent" });
  });
});

describe("closing the API", () => {
  it("answers and records the heartbeats that have arrived, and says that it listens no more", async () => {
    const own = await startTestApi(null);
    const shared = randomBytes(32).toString("base64url");
    try {
      const { rows } = await own.pool.query<{ id: string }>(
        `insert into workspaces (id, name, backend, spec, status, generation, token_hash)
         select gen_random_uuid(), 'w', 'process', '{}', 'online', 1, $1 from generate_series(1, 100) returning id`,
        [createHash("sha256").update(shared).digest()],
      );
      const answered: string[] = [];
      const beats = rows.map(async ({ id }) => {
        const headers = { ...bearer(shared), connection: "close" };
        const sent = own.call("POST", "/registry/heartbeat", { body: { workspace_id: id }, headers });
        const answer = await sent.catch(() => null);
        if (answer?.status === 200) answered.push(id);
      });
      await Promise.race(beats);
      await own.running.close();
      await Promise.all(beats);
      const { rows: heard } = await own.pool.query<{ id: string }>(
        "select id from workspaces where last_heartbeat_at is not null",
      );
      expect(answered.length).toBeGreaterThan(0);
      expect(heard.map((row) => row.id).toSorted()).toEqual(answered.toSorted());
      expect((await own.pool.query("select from heartbeat_listeners")).rowCount).toBe(0);
    } finally {
      await own.close();
    }
  });
});
