import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireKey } from "@berth/api/auth/require-key";
import { createKeyring } from "@berth/api/auth/keyring";
import { createSessions } from "@berth/api/auth/cookie";
import type { App } from "@berth/api/services";
import { createPool } from "@berth/core/db/pool";
import fastify from "fastify";
import { KEY, startTestApi, type TestApi } from "./api.js";

const ID = "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f";
const VIEWER = [
  "/workspaces GET",
  "/workspaces/:id GET",
  "/workspaces/:id/operations GET",
  "/workspaces/:id/resources GET",
  "/workspaces/:id/why GET",
  "/operations GET",
  "/operations/:id GET",
  "/events GET",
  "/events/stream GET",
  "/events/:workspaceId GET",
  "/leaks GET",
  "/places GET",
  "/places/:name GET",
  "/quotas GET",
  "/quotas/:label GET",
  "/sweeps GET",
  "/sweeps/:name/runs GET",
  "/metrics GET",
  "/admin/liveness GET",
  "/now GET",
  "/operations/bulk/:id GET",
  "/operations/bulk/:id/items GET",
];
const OPERATOR = [
  "/workspaces/:id/logs GET",
  "/workspaces POST",
  "/workspaces/:id PATCH",
  "/workspaces/:id DELETE",
  "/workspaces/:id/restart POST",
  "/workspaces/:id/pause POST",
  "/workspaces/:id/resume POST",
  "/workspaces/:id/hibernate POST",
  "/workspaces/:id/wake POST",
  "/operations/:id/cancel POST",
  "/operations/:id/retry POST",
  "/operations/bulk POST",
  "/leaks/:id/retry POST",
  "/webhooks GET",
  "/webhooks/:id GET",
  "/webhooks/:id/ping POST",
  "/webhooks/:id/retry POST",
  "/webhooks/:id/deliveries GET",
  "/webhooks/:id/deliveries/:deliveryId GET",
  "/webhooks/:id/deliveries/:deliveryId/retry POST",
  "/sweeps/:name/run POST",
];
const ADMIN = [
  "/audit GET",
  "/keys GET",
  "/keys POST",
  "/keys/:id DELETE",
  "/quotas/:label PUT",
  "/quotas/:label DELETE",
  "/webhooks POST",
  "/webhooks/:id PATCH",
  "/webhooks/:id DELETE",
  "/webhooks/:id/secret POST",
  "/leaks/:id/release POST",
  "/places/:name PATCH",
  "/places/:name/confirm POST",
  "/places/:name/drain POST",
  "/places/:name/lost POST",
  "/sweeps/:name/approve POST",
  "/sweeps/:name/pause POST",
  "/sweeps/:name/resume POST",
];
const WORKSPACE = ["/registry/register POST", "/registry/heartbeat POST"];
const PUBLIC = ["/health GET", "/ready GET", "/login GET", "/login POST", "/logout POST", "/ GET"];

/** Who may use a route, by this file's own word. */
function ruleOf(method: string, path: string): string | undefined {
  const route = `${path} ${method === "HEAD" ? "GET" : method}`;
  // The files of the console, under the names that its build gives them.
  if (PUBLIC.includes(route) || /^\/(assets\/.*|index\.html|favicon\.svg)$/.test(path)) return "public";
  if (VIEWER.includes(route)) return "viewer";
  if (OPERATOR.includes(route)) return "operator";
  if (ADMIN.includes(route)) return "admin";
  if (WORKSPACE.includes(route)) return "workspace";
  if (/^\/docs(\/|$)/.test(path)) return "viewer";
  if (/^\/admin\/queues(\/|$)/.test(path)) return ["GET", "HEAD"].includes(method) ? "operator" : "admin";
  return undefined;
}

/** What there is for keys of a tenant; all else is about all tenants, whatever is added. The last one answers for what isn't there. */
const OF_TENANTS = /^\/(workspaces|operations|events|now|docs)(\/|$)|^\/admin\/queues\/\*$/;

const WIDTH: Record<string, number> = { viewer: 0, operator: 1, admin: 2 };
function expected(rule: string, caller: string, path: string): number | "passed" {
  const [who, ofTenant] = caller.split(" of a ") as [string, string?];
  if (ofTenant !== undefined && rule in WIDTH && !OF_TENANTS.test(path)) return 403;
  if (rule === "public") return "passed";
  // A token is judged by the route itself, which first asks for a body that is well formed.
  if (rule === "workspace") return who === "token" ? "passed" : 401;
  if (!(who in WIDTH)) return 401;
  return WIDTH[who]! >= WIDTH[rule]! ? "passed" : 403;
}

let api: TestApi;
const keys: Record<string, string | null> = {
  none: null,
  wrong: `berth_a_${randomBytes(32).toString("base64url")}`,
};
/** Workspaces with the tokens that their agents have. */
const agents: Record<string, { id: string; token: string }> = {};
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_BACKENDS: "process,external" });
  for (const name of ["viewer", "operator", "admin", "expired", "revoked"]) {
    const scope = name in WIDTH ? name : "admin";
    const { status, body } = await api.call("POST", "/keys", { body: { name: `a-${name}`, scope } });
    expect(status).toBe(201);
    keys[name] = body.key;
    if (name === "expired")
      await api.pool.query("update api_keys set expires_at = now() - interval '1 s' where id = $1", [
        body.id,
      ]);
    if (name === "revoked") await api.call("DELETE", `/keys/${body.id}`);
  }
  for (const scope of ["viewer", "operator"]) {
    const body = { name: `tenant-${scope}`, scope, tenant: { team: "red" } };
    keys[`${scope} of a tenant`] = (await api.call("POST", "/keys", { body })).body.key;
  }
  for (const name of ["mine", "other"]) {
    const { body } = await api.call("POST", "/workspaces", { body: { name, backend: "external", spec: {} } });
    agents[name] = { id: body.id, token: body.token };
  }
  keys["token"] = agents["other"]!.token;
});
afterAll(() => api.close());

const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
  fetch(api.url + path, { method, headers, redirect: "manual" });

/** Every route there is, from the server's own table. */
function routes(): { method: string; path: string }[] {
  const found: { method: string; path: string }[] = [];
  const parts: string[] = [];
  for (const line of api.running.app.printRoutes({ commonPrefix: false }).split("\n")) {
    const [, indent, path, methods] = /^(.*?)[├└]── (\S*)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
    if (indent === undefined || path === undefined) continue;
    parts.length = indent.length / 4;
    parts.push(path);
    for (const method of methods?.split(", ") ?? []) found.push({ method, path: parts.join("") });
  }
  return found;
}

describe("each route", () => {
  it("lets in exactly whom the table of this file names; a route without a rule fails here", async () => {
    const all = routes();
    expect(all.length).toBeGreaterThan(40);
    const odd: string[] = [];
    for (const { method, path } of all) {
      const rule = ruleOf(method, path);
      if (rule === undefined) {
        odd.push(`${method} ${path} has no rule`);
        continue;
      }
      // An id that isn't there: nothing is changed by those who get in.
      const url = path.replaceAll(/:\w+\??/g, randomUUID()).replaceAll("*", "x");
      for (const [who, key] of Object.entries(keys)) {
        const response = await ask(method, url, key === null ? {} : { authorization: `Bearer ${key}` });
        // One that goes on for ever was let in.
        const streams = response.headers.get("content-type") === "text/event-stream";
        const text = streams ? "" : await response.text();
        if (streams) await response.body!.cancel();
        const { status } = response;
        // The route itself says stale_generation: that is no refusal of the guard's. So does a login without a key.
        const guards = text === "" || /"code":"(unauthorized|forbidden)"/.test(text);
        const got = (status === 401 || status === 403) && guards ? status : "passed";
        const want = expected(rule, who, path);
        if (got !== want) odd.push(`${method} ${path} by ${who}: ${status}, expected ${want} ${text}`);
        if (got === 401) expect(response.headers.get("www-authenticate"), path).toBe('Bearer realm="Berth"');
      }
    }
    expect(odd).toEqual([]);
  });

  it("refuses with the scope needed and the scope held", async () => {
    const response = await ask("POST", `/workspaces/${ID}/restart`, {
      authorization: `Bearer ${keys["viewer"]}`,
    });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "forbidden", needed: "operator", held: "viewer" });
  });

  it("takes a workspace's token for that workspace and for no other", async () => {
    const { mine, other } = agents as Record<"mine" | "other", { id: string; token: string }>;
    for (const path of ["/registry/register", "/registry/heartbeat"]) {
      const beat = (id: string, token: string) =>
        api.call("POST", path, { body: { workspace_id: id }, headers: { authorization: `Bearer ${token}` } });
      expect((await beat(mine.id, mine.token)).status).toBe(200);
      expect(await beat(mine.id, other.token)).toMatchObject({
        status: 401,
        body: { code: "stale_generation" },
      });
      expect((await beat(mine.id, keys["admin"]!)).status).toBe(401);
    }
    for (const path of [`/workspaces/${other.id}`, `/workspaces/${mine.id}/logs`, "/events", "/now"])
      expect((await ask("GET", path, { authorization: `Bearer ${other.token}` })).status, path).toBe(401);
  });

  it("is hidden from strangers also where there is none", async () => {
    expect((await ask("GET", "/nothing")).status).toBe(401);
    expect((await ask("PUT", "/workspaces")).status).toBe(401);
  });
});

describe("the key", () => {
  it.each([
    ["none", {}],
    ["another", { authorization: "Bearer wrong-key-0123456789" }],
    ["its beginning", { authorization: `Bearer ${KEY.slice(0, -1)}` }],
    ["more than it", { authorization: `Bearer ${KEY}x` }],
    ["another scheme", { authorization: `Key ${KEY}` }],
    ["no scheme", { authorization: KEY }],
    ["a password", { authorization: `Basic ${Buffer.from(`me:${KEY}`).toString("base64")}` }],
  ])("refuses %s with a problem", async (_, headers) => {
    const response = await ask("GET", "/workspaces", headers);
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "unauthorized", status: 401, retryable: false });
  });
});

describe("without the database", () => {
  it("the configuration's key is known, and of another nobody says that it is wrong", async () => {
    const pool = createPool("postgres://berth@127.0.0.1:1/berth");
    const keyring = createKeyring({ pool, adminKeys: [KEY] });
    expect(await keyring.byKey(KEY)).toMatchObject({ name: "admin", scope: "admin" });
    await expect(keyring.byKey(keys["wrong"]!)).rejects.toThrow("ECONNREFUSED");
    await pool.end();
  });
});

describe("a route that doesn't say who may use it", () => {
  const guarded = (): App => {
    const app: App = fastify();
    requireKey(app, {
      keyring: createKeyring({ pool: api.pool, adminKeys: [KEY] }),
      sessions: createSessions([KEY]),
    });
    return app;
  };

  it("keeps the server from starting", async () => {
    const app = guarded();
    app.get("/forgotten", async () => "secret");
    await expect(app.ready()).rejects.toThrow("GET /forgotten doesn't say who may use it");
  });

  it("and so does an open page under /admin", async () => {
    const app = guarded();
    app.get("/admin/queues", { config: { access: "public" } }, async () => "open");
    await expect(app.ready()).rejects.toThrow("GET /admin/queues would be open to everyone");
  });
});
