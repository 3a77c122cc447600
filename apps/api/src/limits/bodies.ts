import type { ApiConfig } from "@berth/core/config/config";
import type { RouteOptions } from "fastify";
import Type from "typebox";
import type { App } from "../services.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** How large its body may be, in bytes; 16 KiB where nothing is said. */
    bodyBytes?: number;
  }
}

/** The schema of no parameters. */
const NOTHING = Type.Object({}, { additionalProperties: false });
/** What most bodies need a fraction of, in bytes. */
const USUAL_BODY_BYTES = 16 * 1_024;
/** A body with a spec, which has at most 64 KiB, as JSON with escapes and spaces may have it. In bytes. */
export const SPEC_BODY_BYTES = 256 * 1_024;

/**
 * Gives each route a limit of its own for its body, and refuses parameters after the `?` that a route of the description
 * doesn't have: one who writes `?dry_run=true` where there is no such thing would get what they didn't want.
 */
export function limitBodies(app: App, { bodyLimitBytes }: Pick<ApiConfig, "bodyLimitBytes">): void {
  app.addHook("onRoute", (route: RouteOptions) => {
    route.bodyLimit = Math.min(bodyLimitBytes, route.config?.bodyBytes ?? USUAL_BODY_BYTES);
    if (route.schema?.operationId !== undefined) route.schema.querystring ??= NOTHING;
  });
}
