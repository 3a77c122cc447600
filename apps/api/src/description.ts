import { readConfig } from "@berth/core/config/config";
import { BACKENDS } from "@berth/core/domain/backend";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import fastify from "fastify";
import { Registry } from "prom-client";
import { addRoutes } from "./app.js";
import type { Keyring } from "./auth/keyring.js";
import { takeIdempotencyKeys } from "./http/idempotency.js";
import { describeRoutes } from "./routes/docs.js";
import type { App, Services } from "./services.js";
import { compileValidator } from "./schemas/validation/compiler.js";

/** Every route of a Berth that serves every backend, without a service behind it. `prepare` is called before them. */
export async function routesAlone(prepare: (app: App) => void): Promise<App> {
  const config = readConfig("api", {
    DATABASE_URL: "postgres://nowhere/none",
    BERTH_ADMIN_KEY: "nobody-ever-uses-this-key",
    BERTH_BACKENDS: BACKENDS.join(","),
  });
  const app: App = fastify().withTypeProvider<TypeBoxTypeProvider>();
  app.setValidatorCompiler(compileValidator);
  prepare(app);
  await describeRoutes(app);
  addRoutes(app, { config } as Services, { keyring: {} as Keyring, registry: new Registry() });
  await app.ready();
  return app;
}

/** The OpenAPI document, for generators of clients. */
export async function describeApi(): Promise<object> {
  const app = await routesAlone(takeIdempotencyKeys);
  const document = app.swagger();
  await app.close();
  return document;
}
