import cors from "@fastify/cors";
import type { App } from "../services.js";

/**
 * Lets pages of these origins (`*`: of all) call the API with a key. Never with what a browser sends by
 * itself, such as cookies. To be called before the key is looked at: a preflight has none.
 */
export async function allowOrigins(app: App, origins: readonly string[] | null): Promise<void> {
  if (origins === null) return;
  const allowed = (origin: string): string | false =>
    origins.includes("*") ? "*" : origins.includes(origin) && origin;
  await app.register(cors, {
    // Without an Origin it is no request of a page, and an OPTIONS no preflight.
    origin: (origin, done) => done(null, origin === undefined ? false : allowed(origin)),
    credentials: false,
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    allowedHeaders: [
      "authorization",
      "content-type",
      "idempotency-key",
      "if-match",
      "if-none-match",
      "last-event-id",
      "prefer",
      "x-request-id",
    ],
    exposedHeaders: [
      "ETag",
      "Last-Event-ID",
      "Link",
      "Location",
      "Preference-Applied",
      "RateLimit",
      "RateLimit-Policy",
      "Retry-After",
      "X-Request-Id",
    ],
    maxAge: 600,
    strictPreflight: false,
  });
}
