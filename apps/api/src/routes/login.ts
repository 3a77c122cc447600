import { randomBytes } from "node:crypto";
import { BerthError } from "@berth/core/base/errors";
import type { FastifyReply, FastifyRequest } from "fastify";
import { loggedIn, type Guard } from "../auth/require-key.js";
import { isSameOrigin, localPath } from "../auth/origin.js";
import { loginPage } from "../auth/page.js";
import { cookieHeader } from "../auth/cookie.js";
import type { App, Services } from "../services.js";

const BODY_LIMIT_BYTES = 16_384;

/** Login for browsers: a form that works without scripts, and a cookie that is good where its key is. */
export async function loginRoutes(
  app: App,
  { config }: Pick<Services, "config">,
  guard: Guard,
): Promise<void> {
  const secure = (request: FastifyRequest): boolean =>
    request.protocol === "https" || (config.publicUrl?.startsWith("https:") ?? false);
  await app.register(async (scope) => {
    scope.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string", bodyLimit: BODY_LIMIT_BYTES },
      (_request, body, done) => done(null, new URLSearchParams(body as string)),
    );
    const options = { config: { access: "public" }, schema: { hide: true } } as const;

    scope.get("/login", options, async (request, reply) => {
      const caller = await loggedIn(request, guard);
      const { next } = request.query as { next?: string | string[] };
      return show(reply, { next: localPath([next].flat()[0]), caller: caller?.name ?? null, wrong: false });
    });

    scope.post("/login", options, async (request, reply) => {
      refuseOtherSites(request);
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
      const next = localPath(form.get("next") ?? undefined);
      const caller = await guard.keyring.byKey(form.get("key")?.trim() ?? "");
      if (caller === null) return show(reply.code(401), { next, caller: null, wrong: true });
      return reply
        .header("set-cookie", cookieHeader(app, guard.sessions.seal(caller.keyId), secure(request)))
        .redirect(next, 303);
    });

    scope.post("/logout", options, async (request, reply) => {
      refuseOtherSites(request);
      return reply.header("set-cookie", cookieHeader(app, null, secure(request))).redirect("/login", 303);
    });
  });
}

/** Another site may neither end a login nor begin one. What isn't a browser sends neither header. */
function refuseOtherSites(request: FastifyRequest): void {
  const { origin, "sec-fetch-site": site } = request.headers;
  if ((origin === undefined && site === undefined) || isSameOrigin(request)) return;
  throw new BerthError("forbidden", "this form was sent by another site: open /login and send it from there");
}

function show(reply: FastifyReply, about: Parameters<typeof loginPage>[0]): FastifyReply {
  const nonce = randomBytes(16).toString("base64");
  return (
    reply
      .header(
        "content-security-policy",
        `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      )
      // With no-referrer, a browser would send its own form with `Origin: null`.
      .header("referrer-policy", "same-origin")
      .type("text/html; charset=utf-8")
      .serializer((text: string) => text)
      .send(loginPage(about, nonce))
  );
}
