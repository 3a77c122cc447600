import { BerthError } from "@berth/core/base/errors";
import { revokeKey } from "@berth/core/requests/api-keys";
import { PERSON } from "@berth/core/requests/logins";
import type { FastifyRequest } from "fastify";
import { loggedIn, type Guard } from "../auth/require-key.js";
import { isSameOrigin, localPath, nextOf } from "../auth/origin.js";
import { loginPage } from "../auth/page.js";
import { cookieHeader } from "../auth/cookie.js";
import { sendPage, type Show } from "../auth/send-page.js";
import { openSignOn } from "../auth/sign-on.js";
import type { App, Services } from "../services.js";
import { signOnRoutes } from "./sign-on.js";

const BODY_LIMIT_BYTES = 16_384;

/** Login for browsers: a form that works without scripts, and a cookie that is good where its key is. */
export async function loginRoutes(
  app: App,
  { config, pool }: Pick<Services, "config" | "pool">,
  guard: Guard,
): Promise<void> {
  const secure = (request: FastifyRequest): boolean =>
    request.protocol === "https" || (config.publicUrl?.startsWith("https:") ?? false);
  const signOn = openSignOn(config);
  const show: Show = (reply, about) =>
    sendPage(reply, (nonce) => loginPage({ ...about, signOn: signOn !== null }, nonce));
  await app.register(async (scope) => {
    scope.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string", bodyLimit: BODY_LIMIT_BYTES },
      (_request, body, done) => done(null, new URLSearchParams(body as string)),
    );
    const options = { config: { access: "public", relieves: true }, schema: { hide: true } } as const;

    scope.get("/login", options, async (request, reply) => {
      const caller = await loggedIn(request, guard);
      return show(reply, { next: nextOf(request), caller: caller?.name ?? null, trouble: null });
    });

    scope.post("/login", options, async (request, reply) => {
      refuseOtherSites(request);
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
      const next = localPath(form.get("next") ?? undefined);
      const caller = await guard.keyring.byKey(form.get("key")?.trim() ?? "");
      if (caller === null)
        return show(reply.code(401), { next, caller: null, trouble: "This key is not valid, or no longer." });
      // So that the audit log has whose login it was.
      request.caller = caller;
      return reply
        .header("set-cookie", cookieHeader(app, guard.sessions.seal(caller.keyId), secure(request)))
        .redirect(next, 303);
    });

    scope.post("/logout", options, async (request, reply) => {
      refuseOtherSites(request);
      const caller = await loggedIn(request, guard);
      if (caller !== null) request.caller = caller;
      // Copies of its cookie end with it, and so do the person's logins in other browsers.
      if (caller?.keyId != null && caller.name.startsWith(PERSON)) {
        await revokeKey(pool, caller.keyId, { made: false }, { requestedBy: caller.name });
        guard.keyring.forget(caller.keyId);
      }
      return reply.header("set-cookie", cookieHeader(app, null, secure(request))).redirect("/login", 303);
    });

    if (signOn !== null) signOnRoutes(scope, { pool, guard, signOn, secure, show });
  });
}

/** Another site may neither end a login nor begin one. What isn't a browser sends neither header. */
function refuseOtherSites(request: FastifyRequest): void {
  const { origin, "sec-fetch-site": site } = request.headers;
  if ((origin === undefined && site === undefined) || isSameOrigin(request)) return;
  throw new BerthError("forbidden", "this form was sent by another site: open /login and send it from there");
}
