import { BerthError } from "@berth/core/base/errors";
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { Keyring } from "./keyring.js";
import { isSameOrigin, loginPath } from "./origin.js";
import { jobAccess, QUEUES_PATH, requireScope, type Access, type Caller } from "./scopes.js";
import { cookieOf, readCookies, type Sessions } from "./cookie.js";
import type { App } from "../services.js";

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
    /** A page for people: a browser that asks for it without a login is sent to it. */
    browser?: boolean;
    /** Kept alive under any load: no rate limit counts it, and overload doesn't refuse it. */
    unlimited?: boolean;
    /** What an operator needs when there is too much to do: overload doesn't refuse it, rate limits count it. */
    relieves?: boolean;
    /** It makes more to do, and can be asked for later: refused before all else, at half of what refuses the rest. */
    burdens?: boolean;
  }
  interface FastifyRequest {
    caller: Caller;
  }
}

/** 256 bits in base64url, as workspaces are given them. */
const TOKEN_PATTERN = /^[\w-]{43}$/;

export interface Guard {
  keyring: Keyring;
  sessions: Sessions;
}

/**
 * Refuses every request without a valid key of a scope that is wide enough, except on public routes; unknown
 * paths tell strangers nothing.
 */
export function requireKey(app: App, { keyring, sessions }: Guard): void {
  app.decorateRequest("caller");
  readCookies(app);
  const routes: RouteOptions[] = [];
  app.addHook("onRoute", (route) => {
    routes.push(route);
  });
  // Not at once: a scope's own hook may still say it for all its routes.
  app.addHook("onReady", async () => {
    for (const { method, url, config } of routes) {
      if (config?.access === undefined)
        throw new Error(`route ${String(method)} ${url} doesn't say who may use it`);
      if (config.access === "public" && url.startsWith("/admin/"))
        throw new Error(`route ${String(method)} ${url} would be open to everyone`);
    }
  });
  app.addHook("onRequest", async (request, reply) => {
    const { access, browser = false } = request.routeOptions.config;
    if (access === "public") return;
    const key = bearer(request);
    if (access === "workspace") {
      // A key in its place, or what can be nobody's token, gets no further: nothing of its body is read.
      if (key === null || !TOKEN_PATTERN.test(key) || (await keyring.byKey(key)) !== null) refuseToken(reply);
      request.caller = { name: "workspace", scope: "workspace", keyId: null, tenant: null, token: key };
      return;
    }
    const caller = key !== null ? await keyring.byKey(key) : await loggedIn(request, { keyring, sessions });
    if (caller === null) {
      if (browser && key === null && wantsPage(request)) return reply.redirect(loginPath(request.url), 303);
      refuse(reply, key !== null);
    }
    request.caller = caller;
    request.log = reply.log = request.log.child({ caller: caller.name, key_id: caller.keyId });
    // A path that doesn't exist has no rule; any key may learn that, but of the jobs only who may see those.
    const needed = access ?? (isBelowQueues(request) ? jobAccess(request.method) : undefined);
    if (needed !== undefined) requireScope(caller, needed);
  });
}

/** Who is logged in, in the browser that asks. */
export async function loggedIn(request: FastifyRequest, guard: Guard): Promise<Caller | null> {
  const cookie = cookieOf(request.server, request.headers.cookie);
  const session = cookie === undefined ? undefined : guard.sessions.open(cookie);
  if (session === undefined) return null;
  // A browser sends its cookie with whatever another site makes it ask for, were it not for SameSite.
  const safe = request.method === "GET" || request.method === "HEAD";
  if (!safe && !isSameOrigin(request)) return null;
  return guard.keyring.byId(session.keyId);
}

function isBelowQueues({ url }: FastifyRequest): boolean {
  return url === QUEUES_PATH || url.startsWith(`${QUEUES_PATH}/`);
}

function bearer(request: FastifyRequest): string | null {
  const { authorization } = request.headers;
  if (authorization === undefined) return null;
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
}

function wantsPage(request: FastifyRequest): boolean {
  return request.method === "GET" && (request.headers.accept ?? "").includes("text/html");
}

function refuse(reply: FastifyReply, wrong: boolean): never {
  void reply.header("www-authenticate", 'Bearer realm="Berth"');
  throw new BerthError(
    "unauthorized",
    wrong ? "this key is not valid, or no longer" : "send the header Authorization: Bearer <key>",
  );
}

function refuseToken(reply: FastifyReply): never {
  void reply.header("www-authenticate", 'Bearer realm="Berth"');
  throw new BerthError(
    "unauthorized",
    "send the header Authorization: Bearer <BERTH_TOKEN, as the workspace was given it>",
  );
}
