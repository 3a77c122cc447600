import { createHash, timingSafeEqual } from "node:crypto";
import { BerthError } from "@berth/core/errors";
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { App } from "./services.js";

/**
 * Who may use a route. The admin key may use all of them but those of `workspace`, which take the token of a
 * workspace's generation and nothing else; such a token is good for no other route.
 */
export type Access = "public" | "viewer" | "operator" | "admin" | "workspace";

/** Who asks. */
export interface Caller {
  name: string;
  /** What a `workspace` route was called with. The route judges it: it belongs to one workspace. */
  token?: string;
}

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
    /** A page for people: the browser asks for the key, as the password of any user. */
    browser?: boolean;
  }
  interface FastifyRequest {
    caller: Caller;
  }
}

/** Refuses every request without a valid key, except on public routes; unknown paths tell strangers nothing. */
export function requireKey(app: App, adminKey: string): void {
  const expected = digest(adminKey);
  // Digests have one length, so the comparison takes the same time whatever was sent.
  const isExpected = (key: string): boolean => timingSafeEqual(digest(key), expected);
  app.decorateRequest("caller");
  const routes: RouteOptions[] = [];
  app.addHook("onRoute", (route) => {
    routes.push(route);
  });
  // Not at once: a scope's own hook may still say it for all its routes.
  app.addHook("onReady", async () => {
    for (const { method, url, config } of routes)
      if (config?.access === undefined)
        throw new Error(`route ${String(method)} ${url} doesn't say who may use it`);
  });
  app.addHook("onRequest", async (request, reply) => {
    const { access, browser = false } = request.routeOptions.config;
    if (access === "public") return;
    const key = credentials(request, browser);
    if (access === "workspace") {
      if (key === null || isExpected(key)) refuseToken(reply);
      request.caller = { name: "workspace", token: key };
      return;
    }
    if (key === null || !isExpected(key)) refuse(reply, browser, key !== null);
    request.caller = { name: "admin" };
  });
}

function credentials(request: FastifyRequest, browser: boolean): string | null {
  const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(request.headers.authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  if (!browser || scheme.toLowerCase() !== "basic") return null;
  // A browser sends a remembered password with whatever another site makes it ask for.
  const site = request.headers["sec-fetch-site"];
  if (request.method !== "GET" && site !== undefined && site !== "same-origin") return null;
  const [, password] = /^[^:]*:(.*)$/s.exec(Buffer.from(value, "base64").toString("utf8")) ?? [];
  return password ?? null;
}

function refuse(reply: FastifyReply, browser: boolean, wrong: boolean): never {
  void reply.header(
    "www-authenticate",
    browser ? 'Basic realm="Berth", charset="UTF-8"' : 'Bearer realm="Berth"',
  );
  throw new BerthError(
    "unauthorized",
    wrong ? "this key is not valid" : "send the header Authorization: Bearer <key>",
  );
}

function refuseToken(reply: FastifyReply): never {
  void reply.header("www-authenticate", 'Bearer realm="Berth"');
  throw new BerthError(
    "unauthorized",
    "send the header Authorization: Bearer <BERTH_TOKEN, as the workspace was given it>",
  );
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
