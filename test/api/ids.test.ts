import { routesAlone } from "@berth/api/description";
import type { App } from "@berth/api/services";
import type { RouteOptions } from "fastify";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

/** Ids of AWS's own, in small letters as AWS gives them. */
const FOREIGN = ["image_id", "subnet_ids", "security_group_ids"];
const CAPITALS = "0D9F6F2E-3A5B-4C1D-9E8F-7A6B5C4D3E2F";

interface Node {
  format?: string;
  examples?: unknown[];
  required?: string[];
  properties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
}

/** A route with what takes ids in a request for it. */
interface Entry {
  method: string;
  url: string;
  params: Node;
  querystring: Node;
  body: Node;
}

/** Every route of the API, each of which answers with what its handler would have been given. */
async function echoingApp(): Promise<{ app: App; table: Entry[] }> {
  const table: Entry[] = [];
  const echo = (route: RouteOptions): void => {
    if (route.method === "HEAD" || !("operationId" in (route.schema ?? {}))) return;
    const { params = {}, querystring = {}, body = {} } = route.schema as Record<string, Node>;
    table.push({ method: String(route.method), url: route.url, params, querystring, body });
    route.handler = async (request, reply) => {
      const given = { params: request.params, query: request.query, body: request.body ?? null };
      return reply.code(200).type("application/json").send(given);
    };
  };
  const app = await routesAlone((bare) => {
    bare.setSerializerCompiler(() => (data) => JSON.stringify(data));
    bare.addHook("onRoute", echo);
  });
  return { app, table };
}

/** A value with an id in capitals wherever the schema takes one; undefined if it takes none. */
function withIds(node: Node): unknown {
  if (node.format === "uuid") return CAPITALS;
  if (node.anyOf !== undefined) return node.anyOf.map(withIds).find((one) => one !== undefined);
  if (node.items !== undefined) {
    const item = withIds(node.items);
    return item === undefined ? undefined : [item];
  }
  const fields = Object.entries(node.properties ?? {}).flatMap(([name, one]) => {
    const value = withIds(one);
    return value === undefined ? [] : [[name, value] as const];
  });
  return fields.length === 0
    ? undefined
    : { ...(node.examples?.[0] as object), ...Object.fromEntries(fields) };
}

/** Fields that are called like an id, with whether the validator knows them as one. */
function idFields(node: Node): { name: string; isId: boolean }[] {
  const inner = [node, ...(node.anyOf ?? []), ...(node.items === undefined ? [] : [node.items])];
  return inner.flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([name, one]) => [
      ...(/^id$|_ids?$|Id$/.test(name) ? [{ name, isId: withIds(one) !== undefined }] : []),
      ...idFields(one),
    ]),
  );
}

describe("an id in capitals", async () => {
  const { app, table } = await echoingApp();
  afterAll(() => app.close());
  const taking = table.filter((route) =>
    [route.params, route.querystring, route.body].some((part) => withIds(part) !== undefined),
  );

  it("is known as an id wherever a request may have one", () => {
    const fields = table.flatMap(({ params, querystring, body }) =>
      [params, querystring, body].flatMap(idFields),
    );
    expect(fields.filter(({ name, isId }) => !isId && !FOREIGN.includes(name))).toEqual([]);
    const having = (part: "params" | "querystring" | "body") =>
      taking.filter((route) => withIds(route[part]) !== undefined).length;
    expect(having("params")).toBeGreaterThan(20);
    expect(having("querystring")).toBeGreaterThan(1);
    expect(having("body")).toBeGreaterThan(5);
  });

  it.each(taking.map((route) => [`${route.method} ${route.url}`, route] as const))(
    "is the same id on %s",
    async (_, { method, url, params, querystring, body }) => {
      const query = Object.entries((withIds(querystring) ?? {}) as Record<string, string>);
      const payload = (withIds(body) ?? body.examples?.[0]) as object | undefined;
      const path = url.replaceAll(/:\w+/g, withIds(params) === undefined ? "" : CAPITALS);
      const answer = await app.inject({
        method: method as "GET",
        url: `${path}?${new URLSearchParams(query).toString()}`,
        ...(payload === undefined ? {} : { payload }),
      });
      expect(answer.statusCode, answer.body).toBe(200);
      const given = [withIds(params), withIds(querystring), payload].map((one) => JSON.stringify(one) ?? "");
      const ids = (text: string): number => text.split(CAPITALS.toLowerCase()).length - 1;
      expect(ids(answer.body)).toBe(ids(given.join("").replaceAll(CAPITALS, CAPITALS.toLowerCase())));
      expect(answer.body).not.toContain(CAPITALS);
    },
  );
});

describe("a workspace asked for by its id in capitals", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi(inject("redis").url);
  });
  afterAll(() => api.close());
  const online = async (extra = {}): Promise<string> => {
    const { id } = await api.create(extra);
    await api.finish(id, 1);
    return id;
  };

  it("isn't its own child when it is deleted", async () => {
    const id = await online();
    const { status, body } = await api.call("DELETE", `/workspaces/${id.toUpperCase()}`);
    expect({ status, code: body.code }).toEqual({ status: 202 });
    expect(body).toMatchObject({ id, cascade_deleted: 0, operation: { kind: "delete", workspace_id: id } });
  });

  it("is paused by who asked, not by a cascade", async () => {
    const id = await online();
    const { body } = await api.call("POST", `/workspaces/${id.toUpperCase()}/pause`);
    expect(body).toMatchObject({ id, cascaded: 0, operation: { source: "api" } });
  });

  it("is waited for", async () => {
    const id = await online();
    const waiting = api.call("GET", `/workspaces/${id.toUpperCase()}?wait_for=paused`, {
      headers: { prefer: "wait=60" },
    });
    await api.call("POST", `/workspaces/${id}/pause`);
    await api.finish(id, 2);
    expect((await waiting).body.status).toBe("paused");
  });

  it("is the parent of its children in lists, and in events", async () => {
    const id = await online();
    const child = await api.create({ parent_id: id.toUpperCase() });
    const listed = await api.call("GET", `/workspaces?parent_id=${id.toUpperCase()}`);
    expect(listed.body.map((one: { id: string }) => one.id)).toEqual([child.id]);
    expect((await api.call("GET", `/events/${child.id.toUpperCase()}`)).body).not.toEqual([]);
  });

  it("is asked for the same thing under an Idempotency-Key, whatever the spelling", async () => {
    const id = await online();
    const headers = { "idempotency-key": "once" };
    const first = await api.call("POST", `/workspaces/${id}/restart`, { headers });
    const again = await api.call("POST", `/workspaces/${id.toUpperCase()}/restart`, { headers });
    expect(again.status).toBe(202);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.body.operation.id).toBe(first.body.operation.id);
  });

  it("is one of a bulk operation's once, and the one that a webhook tells of", async () => {
    const id = await online();
    const bulk = { kind: "restart", workspace_ids: [id, id.toUpperCase()] };
    expect((await api.call("POST", "/operations/bulk?dry_run=true", { body: bulk })).body).toMatchObject({
      total: 1,
      workspace_ids: [id],
    });
    const webhook = { url: "https://example.com/", workspace_id: id.toUpperCase() };
    expect((await api.call("POST", "/webhooks", { body: webhook })).body).toMatchObject({ workspace_id: id });
  });
});
