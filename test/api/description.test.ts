import { randomUUID } from "node:crypto";
import { BACKENDS } from "@berth/core/domain/backend";
import { describeApi } from "@berth/api/description";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

interface Media {
  schema?: unknown;
  example?: unknown;
  examples?: Record<string, unknown>;
}
interface Described {
  operationId?: string;
  summary?: string;
  security?: unknown[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media> }>;
}

let api: TestApi;
let document: {
  openapi: string;
  paths: Record<string, Record<string, Described>>;
  components: { schemas: object };
};
beforeAll(async () => {
  api = await startTestApi(null);
  document = (await api.call("GET", "/docs/json")).body;
});
afterAll(() => api.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({
      name: `${method.toUpperCase()} ${path}`,
      described,
    })),
  );
const shows = (media: Media) => media.example !== undefined || Object.keys(media.examples ?? {}).length > 0;

describe("the API's description", () => {
  it("is a valid OpenAPI 3.1 document, references resolved", async () => {
    expect(document.openapi).toBe("3.1.0");
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    expect(Object.keys(document.components.schemas).toSorted()).toEqual([
      "ApiKey",
      "AuditEntry",
      "BulkOperation",
      "Leak",
      "ListedWorkspace",
      "Operation",
      "Place",
      "Problem",
      "Quota",
      "Resource",
      "StructureEvent",
      "Sweep",
      "Webhook",
      "WebhookDelivery",
      "Workspace",
    ]);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    expect(references.length).toBeGreaterThan(20);
    for (const reference of references) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(reference!)?.[1];
      expect(document.components.schemas, reference).toHaveProperty(name!);
    }
  });

  it("has every route, each with a name, a summary, an example and its problems", () => {
    expect(
      operations()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual([
      "DELETE /keys/{id}",
      "DELETE /quotas/{label}",
      "DELETE /webhooks/{id}",
      "DELETE /workspaces/{id}",
      "GET /admin/liveness",
      "GET /audit",
      "GET /events",
      "GET /events/stream",
      "GET /events/{workspaceId}",
      "GET /health",
      "GET /keys",
      "GET /leaks",
      "GET /metrics",
      "GET /now",
      "GET /operations",
      "GET /operations/bulk/{id}",
      "GET /operations/bulk/{id}/items",
      "GET /operations/{id}",
      "GET /places",
      "GET /places/{name}",
      "GET /quotas",
      "GET /quotas/{label}",
      "GET /ready",
      "GET /sweeps",
      "GET /sweeps/{name}/runs",
      "GET /webhooks",
      "GET /webhooks/{id}",
      "GET /webhooks/{id}/deliveries",
      "GET /webhooks/{id}/deliveries/{deliveryId}",
      "GET /workspaces",
      "GET /workspaces/{id}",
      "GET /workspaces/{id}/logs",
      "GET /workspaces/{id}/operations",
      "GET /workspaces/{id}/resources",
      "GET /workspaces/{id}/why",
      "PATCH /places/{name}",
      "PATCH /webhooks/{id}",
      "PATCH /workspaces/{id}",
      "POST /keys",
      "POST /leaks/{id}/release",
      "POST /leaks/{id}/retry",
      "POST /operations/bulk",
      "POST /operations/{id}/cancel",
      "POST /operations/{id}/retry",
      "POST /places/{name}/confirm",
      "POST /places/{name}/drain",
      "POST /places/{name}/lost",
      "POST /registry/heartbeat",
      "POST /registry/register",
      "POST /sweeps/{name}/approve",
      "POST /sweeps/{name}/pause",
      "POST /sweeps/{name}/resume",
      "POST /sweeps/{name}/run",
      "POST /webhooks",
      "POST /webhooks/{id}/deliveries/{deliveryId}/retry",
      "POST /webhooks/{id}/ping",
      "POST /webhooks/{id}/retry",
      "POST /webhooks/{id}/secret",
      "POST /workspaces",
      "POST /workspaces/{id}/hibernate",
      "POST /workspaces/{id}/pause",
      "POST /workspaces/{id}/restart",
      "POST /workspaces/{id}/resume",
      "POST /workspaces/{id}/wake",
      "PUT /quotas/{label}",
    ]);
    for (const { name, described } of operations()) {
      expect(described.operationId, name).toBeTruthy();
      expect(described.summary, name).toBeTruthy();
      for (const [status, { content = {} }] of Object.entries(described.responses)) {
        for (const media of Object.values(content)) expect(shows(media), `${name} ${status}`).toBe(true);
        if (Number(status) >= 400)
          expect(Object.keys(content), `${name} ${status}`).toEqual(["application/problem+json"]);
      }
      for (const media of Object.values(described.requestBody?.content ?? {}))
        expect(shows(media) || Array.isArray((media.schema as { examples?: unknown }).examples), name).toBe(
          true,
        );
      if (name !== "GET /health" && name !== "GET /ready")
        expect(described.responses, name).toHaveProperty("401");
    }
  });

  it("asks for a body only where an empty one wouldn't do, and takes none there", async () => {
    const optional = operations().filter(
      ({ described }) => described.requestBody !== undefined && !described.requestBody.required,
    );
    const names = optional.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["POST /workspaces/{id}/pause", "POST /operations/{id}/retry"]),
    );
    expect(names).not.toContain("PATCH /workspaces/{id}");
    for (const { name } of optional) {
      const [method, path] = name.replaceAll(/\{\w+\}/g, randomUUID()).split(" ") as [string, string];
      expect((await api.call(method, path)).status, name).toBe(404);
    }
  });

  it("is the same without a service behind it, but for what this one is set to", async () => {
    const bare = JSON.parse(JSON.stringify(await describeApi())) as typeof document;
    expect(Object.keys(bare.paths)).toEqual(Object.keys(document.paths));
    expect(bare.components).toEqual(document.components);
    const { post: made, ...others } = bare.paths["/workspaces"]!;
    expect(others).toEqual({ get: document.paths["/workspaces"]!["get"] });
    expect(made!.requestBody!.content["application/json"]!.schema).toMatchObject({
      properties: { backend: { enum: [...BACKENDS] } },
    });
  });

  it("gives examples that its own validation accepts", async () => {
    const media = document.paths["/workspaces"]!["post"]!.requestBody!.content["application/json"]!;
    const example = media.example ?? Object.values(media.examples ?? {})[0];
    const body = { ...(example as object), backend: "process" };
    expect((await api.call("POST", "/workspaces", { body })).status).toBe(202);
  });

  it("tells which backends run here", () => {
    const media = document.paths["/workspaces"]!["post"]!.requestBody!.content["application/json"]!;
    expect(media.schema).toMatchObject({ properties: { backend: { enum: ["process"] } } });
  });

  it("is a page for people as well, with scripts of its own only", async () => {
    const page = await api.call("GET", "/docs/");
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(page.headers.get("content-security-policy")).toMatch(/script-src 'self'/);
    expect((await api.call("GET", "/docs/static/swagger-ui-bundle.js")).status).toBe(200);
  });
});
