import { randomUUID } from "node:crypto";
import { describeApi } from "@berth/api/description";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Answer, PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

interface Description {
  paths: Record<string, Record<string, unknown>>;
}

/** What a key of a tenant may use; whatever else there is, and is added, is refused. */
const ALLOWED = [
  "GET /workspaces",
  "POST /workspaces",
  "GET /workspaces/{id}",
  "PATCH /workspaces/{id}",
  "DELETE /workspaces/{id}",
  "POST /workspaces/{id}/restart",
  "POST /workspaces/{id}/pause",
  "POST /workspaces/{id}/resume",
  "POST /workspaces/{id}/hibernate",
  "POST /workspaces/{id}/wake",
  "GET /workspaces/{id}/why",
  "GET /workspaces/{id}/logs",
  "GET /workspaces/{id}/operations",
  "GET /workspaces/{id}/resources",
  "GET /operations",
  "POST /operations/bulk",
  "GET /operations/bulk/{id}",
  "GET /operations/bulk/{id}/items",
  "GET /now",
  "GET /operations/{id}",
  "POST /operations/{id}/cancel",
  "POST /operations/{id}/retry",
  "GET /events",
  "GET /events/{workspaceId}",
  "GET /events/stream",
];
/** Nobody's business: they are of the process, or of a workspace's own token. */
const WITHOUT_KEY = ["GET /health", "GET /ready", "POST /registry/register", "POST /registry/heartbeat"];

let api: TestApi;
let red: ReturnType<typeof caller>;
let blue: ReturnType<typeof caller>;
beforeAll(async () => {
  api = await startTestApi(null);
  red = caller(await keyOf("red"));
  blue = caller(await keyOf("blue"));
});
afterAll(() => api.close());

async function keyOf(team: string): Promise<string> {
  const made = await api.call("POST", "/keys", { body: { name: team, scope: "operator", tenant: { team } } });
  expect(made).toMatchObject({ status: 201, body: { tenant: { team } } });
  return made.body.key;
}

const caller =
  (key: string) =>
  (method: string, path: string, body?: unknown): Promise<Answer> =>
    api.call(method, path, {
      headers: { authorization: `Bearer ${key}` },
      ...(body !== undefined && { body }),
    });

const create = async (call: typeof red, extra = {}) =>
  (await call("POST", "/workspaces", { name: `w-${randomUUID()}`, spec: PROCESS_SPEC, ...extra })).body;

describe("a key of a tenant", () => {
  it("puts the tenant's labels on what it makes and changes, and takes no other value of them", async () => {
    const made = await create(red, { labels: { stage: "test" } });
    expect(made.labels).toEqual({ team: "red", stage: "test" });
    const changed = await red("PATCH", `/workspaces/${made.id}`, { labels: { stage: "live" } });
    expect(changed.body.labels).toEqual({ team: "red", stage: "live" });
    const refusals = [
      await red("POST", "/workspaces", { name: "x", spec: PROCESS_SPEC, labels: { team: "blue" } }),
      await red("PATCH", `/workspaces/${made.id}`, { labels: { team: "blue" } }),
      await red("GET", "/workspaces?label=team:blue"),
    ];
    for (const { status, body } of refusals)
      expect([status, body.code, body.detail]).toEqual([
        403,
        "forbidden",
        "label team: this key is for team:red alone",
      ]);
  });

  it("finds in lists what is its tenant's and nothing else", async () => {
    const [mine, theirs] = [await create(red), await create(blue)];
    for (const path of ["/workspaces", "/operations", "/events"]) {
      const text = JSON.stringify((await red("GET", `${path}?limit=1000`)).body);
      expect(text).toContain(mine.id);
      expect(text).not.toContain(theirs.id);
      expect(text).not.toContain("api_key.created");
    }
    const all = (await red("GET", "/workspaces?limit=1000&label=team:red")).body as { labels: object }[];
    expect(all.every(({ labels }) => "team" in labels && labels.team === "red")).toBe(true);
  });

  it("hears in a stream of its tenant alone", async () => {
    const cut = new AbortController();
    onTestFinished(() => cut.abort());
    const response = await fetch(`${api.url}/events/stream`, {
      headers: { authorization: `Bearer ${await keyOf("green")}`, "last-event-id": "0" },
      signal: cut.signal,
    });
    const other = await create(red);
    const green = await api.create({ labels: { team: "green" } });
    let seen = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      seen += chunk;
      if (seen.includes(green.id)) break;
    }
    expect(seen).not.toContain(other.id);
    expect(seen).not.toContain("api_key.created");
  });

  it("gets of another's workspace on every route what it gets of one that isn't there", async () => {
    const theirs = await create(blue);
    const operation = theirs.operation.id as string;
    const description = (await describeApi()) as unknown as Description;
    const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes).toEqual(expect.arrayContaining(ALLOWED));
    for (const route of routes) {
      if (WITHOUT_KEY.includes(route) || route === "GET /events/stream") continue;
      const [method, path] = route.split(" ") as [string, string];
      const ask = (workspace: string, op: string) => {
        const id = path.startsWith("/operations") ? op : workspace;
        const at = path.replace(/\{(id|workspaceId|deliveryId)\}/g, id).replace(/\{\w+\}/g, "process");
        return red(method, at, bodyFor(route));
      };
      const there = await ask(theirs.id, operation);
      if (!ALLOWED.includes(route)) {
        expect([there.status, there.body.code], route).toEqual([403, "forbidden"]);
        continue;
      }
      const text = JSON.stringify(there.body);
      if (!path.includes("{")) {
        expect(text, route).not.toContain(theirs.id);
        continue;
      }
      const [missing, missingOperation] = [randomUUID(), randomUUID()];
      const absent = await ask(missing, missingOperation);
      expect([there.status, there.body.code], route).toEqual([404, absent.body.code]);
      expect(
        there.body.detail.replaceAll(theirs.id, missing).replaceAll(operation, missingOperation),
        route,
      ).toBe(absent.body.detail);
    }
    expect((await blue("GET", `/workspaces/${theirs.id}`)).body).toMatchObject({ status: "provisioning" });
  });

  it("makes no child of another's workspace, and ends nothing of another's below its own", async () => {
    const theirs = await create(blue);
    const child = await red("POST", "/workspaces", { name: "c", spec: PROCESS_SPEC, parent_id: theirs.id });
    expect([child.status, child.body.code]).toEqual([404, "workspace_not_found"]);
    const parent = await create(red);
    await api.create({ parent_id: parent.id, labels: { team: "blue" } });
    for (const [method, path] of [
      ["DELETE", `/workspaces/${parent.id}?cascade=true`],
      ["POST", `/workspaces/${parent.id}/pause`],
    ] as const)
      expect(await red(method, path)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  it("asks for many at once of its own alone, and follows only what it asked for", async () => {
    const [mine, theirs] = [await create(red), await create(blue)];
    const bulk = (call: typeof red, more: object) =>
      call("POST", "/operations/bulk", { kind: "restart", ...more });
    const named = await bulk(red, { workspace_ids: [mine.id, theirs.id] });
    expect([named.status, named.body.code, named.body.workspace_id]).toEqual([
      404,
      "workspace_not_found",
      theirs.id,
    ]);
    const asked = await bulk(red, { filter: { backend: ["process"] } });
    expect(asked.status).toBe(202);
    const { rows } = await api.pool.query<{ team: string }>(
      `select distinct w.labels->>'team' as team from bulk_items i join workspaces w on w.id = i.workspace_id
       where i.bulk_id = $1`,
      [asked.body.id],
    );
    expect(rows).toEqual([{ team: "red" }]);
    expect((await red("GET", `/operations/bulk/${asked.body.id}`)).status).toBe(200);
    expect((await blue("GET", `/operations/bulk/${asked.body.id}`)).status).toBe(404);
  });

  it("is told what is wrong of its own workspaces, and of nothing else", async () => {
    const [mine, theirs] = [await create(red), await create(blue)];
    for (const { id } of [mine, theirs])
      await api.pool.query("update workspaces set status = 'failed', status_reason = $2 where id = $1", [
        id,
        `why of ${id}`,
      ]);
    const { body } = await red("GET", "/now");
    expect(JSON.stringify(body)).toContain(`why of ${mine.id}`);
    expect(JSON.stringify(body)).not.toContain(theirs.id);
    expect(
      body.troubles.every(({ code }: { code: string }) => /workspace|waiting|failed|offline/.test(code)),
    ).toBe(true);
    const running = body.workspaces.reduce((sum: number, one: { n: number }) => sum + one.n, 0);
    const { rows } = await api.pool.query(
      "select 1 from workspaces where labels->>'team' = 'red' and status <> 'removed'",
    );
    expect(running).toBe(rows.length);
  });

  it("has no rights of an admin, which are about all tenants", async () => {
    const refused = await api.call("POST", "/keys", {
      body: { name: "a", scope: "admin", tenant: { team: "red" } },
    });
    expect([refused.status, refused.body.errors?.[0].field]).toEqual([400, "scope"]);
  });
});

function bodyFor(route: string): unknown {
  if (route === "PATCH /workspaces/{id}") return { name: "mine now" };
  if (route === "POST /workspaces") return { name: "w", spec: PROCESS_SPEC };
  return undefined;
}
