import { randomUUID } from "node:crypto";
import helmet from "@fastify/helmet";
import type { Logger } from "@berth/core/base/logger";
import type { Registry } from "prom-client";
import fastify, { type FastifyBaseLogger } from "fastify";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { requireKey } from "./auth/require-key.js";
import { keepAudit } from "./auth/audit.js";
import { createKeyring, type Keyring } from "./auth/keyring.js";
import { createSessions } from "./auth/cookie.js";
import { keepTenantsApart } from "./auth/tenants.js";
import { answerBrokenRequests, refuseExpectations } from "./http/broken-requests.js";
import { takeIdempotencyKeys } from "./http/idempotency.js";
import { readJsonBodies } from "./http/json-body.js";
import { slowGuessing } from "./limits/bad-keys.js";
import { limitBodies } from "./limits/bodies.js";
import { allowOrigins } from "./limits/cors.js";
import { limitKeys } from "./limits/keys.js";
import { shedLoad } from "./limits/pressure.js";
import { takeTurns } from "./limits/take-turns.js";
import { refuseUnknown } from "./http/not-found.js";
import { sendProblem } from "./http/problem.js";
import { traceRequests } from "./http/trace-requests.js";
import { consoleRoutes } from "./routes/console.js";
import { bulkRoutes } from "./routes/operations/bulk.js";
import { auditRoutes } from "./routes/audit.js";
import { describeRoutes, docsRoutes } from "./routes/docs.js";
import { eventStreamRoutes } from "./routes/event-stream.js";
import { eventRoutes } from "./routes/events.js";
import { healthRoutes } from "./routes/health.js";
import { keyRoutes } from "./routes/keys.js";
import { leakRoutes } from "./routes/leaks.js";
import { logRoutes } from "./routes/workspaces/logs.js";
import { livenessRoutes } from "./routes/liveness.js";
import { loginRoutes } from "./routes/login.js";
import { measureRequests } from "./metrics/requests.js";
import { metricsRoutes } from "./routes/metrics.js";
import { operationActRoutes } from "./routes/operations/act.js";
import { operationReadRoutes } from "./routes/operations/read.js";
import { nowRoutes } from "./routes/now.js";
import { queueRoutes } from "./routes/queues.js";
import { placeRoutes } from "./routes/places.js";
import { quotaRoutes } from "./routes/quotas.js";
import { registryRoutes } from "./routes/registry.js";
import { sweepRoutes } from "./routes/sweeps.js";
import { whyRoutes } from "./routes/workspaces/why.js";
import { deleteRoutes } from "./routes/workspaces/delete.js";
import { verbRoutes } from "./routes/workspaces/verbs.js";
import { workspaceRoutes } from "./routes/workspaces/crud.js";
import { workspaceListRoute } from "./routes/workspaces/list.js";
import { webhookDeliveryRoutes } from "./routes/webhooks/deliveries.js";
import { webhookManageRoutes } from "./routes/webhooks/manage.js";
import type { App, Services } from "./services.js";
import { compileValidator } from "./schemas/validation/compiler.js";

/** The headers of a request must have arrived by then, and the whole of it by `requestTimeoutMs`. In ms. */
const HEADERS_TIMEOUT_MS = 20_000;
/** How often it is looked for those that haven't, in ms. */
const CHECK_TIMEOUTS_EVERY_MS = 2_000;

/** The HTTP server with all its routes, not listening yet. */
export async function createApp(services: Services, logger: Logger, registry: Registry): Promise<App> {
  const { config, limits } = services;
  const { requestTimeoutMs } = config;
  const app: App = fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new fastify.LogController({ requestIdLogLabel: "request_id" }),
    genReqId: (request) => requestId(request.headers["x-request-id"]),
    bodyLimit: config.bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    http: {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      connectionsCheckingInterval: Math.min(CHECK_TIMEOUTS_EVERY_MS, requestTimeoutMs),
    },
    trustProxy: config.trustedProxies === null ? false : [...config.trustedProxies],
    // A request that came over an open connection while closing is served; the connection ends with it.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      void reply.header("x-request-id", request.id);
      sendProblem(error, request, reply);
    },
    clientErrorHandler: answerBrokenRequests,
    // As long as a URL may be: what is too long for an id is told like any other that isn't one.
    routerOptions: { maxParamLength: 16_384 },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = config.maxConnections;

  app.server.on("checkExpectation", refuseExpectations);
  app.setValidatorCompiler(compileValidator);
  // Views name every field that leaves; schemas of answers are for the description.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler(sendProblem);
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-request-id", request.id).header("cache-control", "no-store");
  });
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
  });
  readJsonBodies(app);
  limitBodies(app, config);
  measureRequests(app, registry);
  if (config.otlpEndpoint !== null) traceRequests(app);
  await allowOrigins(app, config.corsOrigins);
  await shedLoad(app, services.pool, config, logger);
  slowGuessing(app, limits, config);
  const adminKeys = [config.adminKey, config.adminKeyPrevious].filter((key) => key !== null);
  const guard = {
    keyring: createKeyring({ pool: services.pool, adminKeys }),
    sessions: createSessions(adminKeys),
  };
  keepAudit(app, services.pool);
  requireKey(app, guard);
  keepTenantsApart(app, services.pool);
  limitKeys(app, limits, config);
  takeTurns(app, config, services.requests.policy ?? null);
  takeIdempotencyKeys(app);
  refuseUnknown(app);
  await describeRoutes(app);
  addRoutes(app, services, { keyring: guard.keyring, registry });
  await loginRoutes(app, services, guard);
  await consoleRoutes(app);
  await docsRoutes(app);
  await queueRoutes(app, services);
  return app;
}

/** Every route of the API's description. Of the services only `config` is read before a request comes. */
export function addRoutes(
  app: App,
  services: Services,
  { keyring, registry }: { keyring: Keyring; registry: Registry },
): void {
  workspaceRoutes(app, services);
  workspaceListRoute(app, services);
  verbRoutes(app, services);
  deleteRoutes(app, services);
  whyRoutes(app, services);
  logRoutes(app, services, keyring);
  operationReadRoutes(app, services);
  operationActRoutes(app, services);
  bulkRoutes(app, services);
  eventRoutes(app, services);
  eventStreamRoutes(app, services, keyring);
  registryRoutes(app, services);
  keyRoutes(app, services, keyring);
  auditRoutes(app, services);
  placeRoutes(app, services);
  quotaRoutes(app, services);
  webhookManageRoutes(app, services);
  webhookDeliveryRoutes(app, services);
  leakRoutes(app, services);
  sweepRoutes(app, services);
  livenessRoutes(app, services);
  nowRoutes(app, services);
  healthRoutes(app, services);
  metricsRoutes(app, services, registry);
}

/** The caller's own id for a request if it is one that a log line can hold. */
function requestId(given: string | string[] | undefined): string {
  return typeof given === "string" && /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomUUID();
}
