import { createHash } from "node:crypto";
import { BerthError } from "@berth/core/base/errors";
import type { Idempotency } from "@berth/core/requests/idempotency";
import type { FastifyRequest, RouteOptions } from "fastify";
import { IDEMPOTENCY_KEY, REPLAYED } from "../schemas/idempotency.js";
import { problems } from "../schemas/problem.js";
import type { App } from "../services.js";

declare module "fastify" {
  interface FastifyRequest {
    /** The caller's wish that this is carried out once; what accepts the request keeps it. */
    idempotency: Idempotency | undefined;
  }
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Every POST and DELETE with an API key takes an Idempotency-Key. Agents' calls don't: a heartbeat sent twice
 * is one that came twice, and nobody wants them kept.
 */
export function takeIdempotencyKeys(app: App): void {
  app.decorateRequest("idempotency");
  app.addHook("onRoute", (route) => {
    if (takesKey(route)) describe(route);
  });
  app.addHook("preHandler", async (request) => {
    if (takesKey(request.routeOptions)) request.idempotency = idempotencyOf(request);
  });
  app.addHook("onSend", async (request, reply) => {
    if (request.idempotency?.replayed === true) void reply.header("idempotency-replayed", "true");
  });
}

function takesKey({ method, config, schema }: Pick<RouteOptions, "method" | "config" | "schema">): boolean {
  const { access } = config ?? {};
  return (
    (method === "POST" || method === "DELETE") &&
    schema?.operationId !== undefined &&
    access !== "public" &&
    access !== "workspace"
  );
}

function describe(route: RouteOptions): void {
  const { headers = {}, response, ...schema } = route.schema as Described;
  const refusals = Object.fromEntries(
    Object.entries(problems("invalid_request", "idempotency_key_reused")).filter(
      ([status]) => response[status] === undefined || status === "422",
    ),
  );
  const answers = Object.entries(response).map(([status, one]) => [
    status,
    status.startsWith("2") ? { ...one, headers: { ...one.headers, ...REPLAYED } } : one,
  ]);
  route.schema = {
    ...schema,
    headers: {
      type: "object",
      ...headers,
      properties: { ...headers.properties, "idempotency-key": IDEMPOTENCY_KEY },
    },
    response: { ...Object.fromEntries(answers), ...refusals },
  };
}

interface Described {
  headers?: { properties?: object };
  response: Record<string, { headers?: object }>;
}

/** @throws BerthError `invalid_request` */
function idempotencyOf(request: FastifyRequest): Idempotency | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key !== "string" || !KEY.test(key))
    throw new BerthError("invalid_request", "Idempotency-Key: expected 1 to 255 visible ASCII characters", {
      errors: [{ field: "Idempotency-Key", expected: "1 to 255 visible ASCII characters" }],
    });
  const { caller, headers, method, body } = request;
  return {
    actor: caller.keyId ?? caller.name,
    key,
    // How long the caller would wait for the end isn't a part of what is asked for.
    requestHash: createHash("sha256")
      .update(`${method} ${canonicalUrl(request)}\n${JSON.stringify(body ?? {})}`)
      .digest(),
    credential: headers.authorization ?? headers.cookie ?? "",
    replayed: false,
  };
}

/** What was asked for, whatever the spelling of the ids in its path. */
function canonicalUrl({ routeOptions, params, url }: FastifyRequest): string {
  const values = params as Readonly<Record<string, string>>;
  const path = routeOptions.url!.replaceAll(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(values[name]!),
  );
  const at = url.indexOf("?");
  return at < 0 ? path : path + url.slice(at);
}
