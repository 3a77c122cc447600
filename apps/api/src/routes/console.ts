import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { App } from "../services.js";

/** Where `npm run build` puts the page, as seen from the sources and from what is built of them. */
const BUILT = fileURLToPath(new URL("../../../console/dist/", import.meta.url));

/** Its own files, its own calls, and nothing else. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const NOT_BUILT =
  "The console isn't built: run `npm run build`, and start Berth again. The API works without it; see /docs.\n";

/**
 * The operators' page at `/`. Its files hold nothing of the fleet and are for everybody; what it shows it asks the API
 * for, as whoever is logged in.
 */
export async function consoleRoutes(app: App, built = BUILT): Promise<void> {
  const config = { access: "public", unlimited: true } as const;
  if (!existsSync(`${built}index.html`)) {
    app.get("/", { config, schema: { hide: true } }, async (_request, reply) =>
      reply.code(503).type("text/plain; charset=utf-8").serializer(String).send(NOT_BUILT),
    );
    return;
  }
  await app.register(async (scope) => {
    scope.addHook("onRoute", (route) => {
      route.config = { ...route.config, ...config };
      route.schema = { ...route.schema, hide: true };
    });
    scope.addHook("onRequest", async ({ url }, reply) => {
      void reply.header("content-security-policy", CONTENT_SECURITY_POLICY);
      // Their names change with what is in them.
      if (url.startsWith("/assets/"))
        void reply.header("cache-control", "public, max-age=31536000, immutable");
    });
    // One route a file, so that a path without one is answered as anywhere.
    await scope.register(fastifyStatic, { root: built, wildcard: false, cacheControl: false });
  });
}
