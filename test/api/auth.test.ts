import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireKey } from "@berth/api/auth";
import type { App } from "@berth/api/services";
import fastify from "fastify";
import { KEY, startTestApi, type TestApi } from "./api.js";

const PUBLIC = ["GET /health", "GET /ready", "HEAD /health", "HEAD /ready"];
const ID = "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const basic = (password: string) => `Basic ${Buffer.from(`me:${password}`).toString("base64")}`;
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
    for (const method of methods?.split(", ") ?? [])
      found.push({
        method,
        path: parts
          .join("")
          .replaceAll(/:\w+\??/g, ID)
          .replaceAll("*", "x"),
      });
  }
  return found;
}

describe("the key", () => {
  it("is asked for by every route but health and readiness", async () => {
    const all = routes();
    expect(all.length).toBeGreaterThan(40);
    const open: string[] = [];
    for (const { method, path } of all) {
      const { status, headers } = await ask(method, path);
      if (status !== 401) open.push(`${method} ${path}`);
      else expect(headers.get("www-authenticate"), path).toMatch(/^(Bearer|Basic) realm="Berth"/);
    }
    expect(open.toSorted()).toEqual(PUBLIC);
  });

  it("is asked for at paths that don't exist as well, so that strangers learn nothing", async () => {
    expect((await ask("GET", "/nothing")).status).toBe(401);
    expect((await ask("PUT", "/workspaces")).status).toBe(401);
  });

  it.each([
    ["none", {}],
    ["another", { authorization: "Bearer wrong-key-0123456789" }],
    ["its beginning", { authorization: `Bearer ${KEY.slice(0, -1)}` }],
    ["more than it", { authorization: `Bearer ${KEY}x` }],
    ["another scheme", { authorization: `Key ${KEY}` }],
    ["no scheme", { authorization: KEY }],
    ["a password, which only browsers' pages take", { authorization: basic(KEY) }],
  ])("refuses %s with a problem", async (_, headers) => {
    const response = await ask("GET", "/workspaces", headers);
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "unauthorized", status: 401, retryable: false });
  });

  it("is taken by browsers' pages as the password of any user, which they ask for", async () => {
    for (const path of ["/docs/", "/docs/json", "/admin/queues/", "/admin/queues/api/queues"]) {
      const asked = await ask("GET", path);
      expect(asked.headers.get("www-authenticate"), path).toBe('Basic realm="Berth", charset="UTF-8"');
      expect((await ask("GET", path, { authorization: basic("wrong") })).status, path).toBe(401);
      expect((await ask("GET", path, { authorization: basic(KEY) })).status, path).toBe(200);
      expect((await ask("GET", path, { authorization: `bearer ${KEY}` })).status, path).toBe(200);
    }
  });

  it("isn't taken from a browser that another site makes send it", async () => {
    const send = (site: string) =>
      ask("PUT", "/admin/queues/api/queues/operations/pause", {
        authorization: basic(KEY),
        "sec-fetch-site": site,
      });
    expect((await send("cross-site")).status).toBe(401);
    expect((await send("same-origin")).status).toBe(200);
    await api.queues.operations.resume();
  });
});

describe("a route that doesn't say who may use it", () => {
  it("keeps the server from starting", async () => {
    const app: App = fastify();
    requireKey(app, KEY);
    app.get("/forgotten", async () => "secret");
    await expect(app.ready()).rejects.toThrow("GET /forgotten doesn't say who may use it");
  });
});
