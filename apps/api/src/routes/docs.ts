import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { ApiKey } from "../schemas/api-key.js";
import { AuditEntry } from "../schemas/audit.js";
import { StructureEvent } from "../schemas/event.js";
import { Leak } from "../schemas/leak.js";
import { Bulk } from "../schemas/bulk.js";
import { Operation } from "../schemas/operation.js";
import { Problem } from "../schemas/problem.js";
import { Place } from "../schemas/place.js";
import { Quota } from "../schemas/quota.js";
import { Resource } from "../schemas/resource.js";
import { Sweep } from "../schemas/sweep.js";
import { Delivery, Webhook } from "../schemas/webhook.js";
import { ListedWorkspace, Workspace } from "../schemas/workspace.js";
import type { App } from "../services.js";

/** Gathers the description of all routes that are added after it. */
export async function describeRoutes(app: App): Promise<void> {
  for (const schema of [
    Workspace,
    ListedWorkspace,
    Operation,
    Bulk,
    Resource,
    StructureEvent,
    Leak,
    Sweep,
    ApiKey,
    AuditEntry,
    Place,
    Quota,
    Webhook,
    Delivery,
    Problem,
  ])
    app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Berth",
        version: "0.1.0",
        description:
          "A workspace lifecycle server. Changes are accepted with 202 and run one at a time for each workspace, in " +
          "order; `Prefer: wait=30` waits for the end. Refusals are problem documents (RFC 9457) with a stable `code`.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/" }],
      tags: [
        { name: "workspaces", description: "What users have." },
        { name: "operations", description: "What is done to them, and what was made for them." },
        { name: "events", description: "What happened, and why." },
        { name: "registry", description: "For the agents that run in workspaces." },
        { name: "keys", description: "Who may do what." },
        { name: "places", description: "Daemons, accounts with their Regions, machines." },
        { name: "quotas", description: "How many workspaces of a label may run." },
        { name: "webhooks", description: "Who is told of events by HTTP." },
        { name: "leaks", description: "What is to go and isn't proven gone, and what nobody claims." },
        { name: "sweeps", description: "The jobs that heal what was leaked, lost or stuck." },
        { name: "health", description: "For whoever runs Berth." },
      ],
      components: {
        securitySchemes: {
          key: { type: "http", scheme: "bearer", description: "An API key." },
          workspace: {
            type: "http",
            scheme: "bearer",
            description: "`BERTH_TOKEN` of the workspace's current generation.",
          },
        },
      },
      security: [{ key: [] }],
    },
    transformObject: (document) => {
      if (!("openapiObject" in document)) return document.swaggerObject;
      return withOptionalBodies(document.openapiObject as never) as never;
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, at) =>
        typeof json.$id === "string" ? json.$id : `def-${at}`,
    },
  });
}

interface Described {
  requestBody?: {
    required: boolean;
    content: Record<string, { schema: { required?: string[]; minProperties?: number } }>;
  };
}

/** A body that may be empty may be left out: routes see to it, and the generator takes every body for required. */
function withOptionalBodies<D extends { paths: Record<string, Record<string, Described>> }>(document: D): D {
  for (const { requestBody } of Object.values(document.paths).flatMap((path) => Object.values(path))) {
    if (requestBody === undefined) continue;
    const { required = [], minProperties = 0 } = requestBody.content["application/json"]!.schema;
    requestBody.required = required.length > 0 || minProperties > 0;
  }
  return document;
}

/** The description for people at /docs, for programs at /docs/json. */
export async function docsRoutes(app: App): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook("onRoute", (route) => {
      route.config = { ...route.config, access: "viewer", browser: true, tenants: "shared" };
    });
    await scope.register(swaggerUi, {
      routePrefix: "/docs",
      staticCSP: true,
      uiConfig: { layout: "BaseLayout", deepLinking: true },
      theme: { title: "Berth API" },
    });
  });
}
