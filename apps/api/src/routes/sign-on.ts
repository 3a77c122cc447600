import type { Pool } from "@berth/core/db/pool";
import { PERSON, recordLogin } from "@berth/core/requests/logins";
import type { FastifyReply, FastifyRequest } from "fastify";
import { cookieHeader, flowHeader, flowOf, SESSION_S } from "../auth/cookie.js";
import { nextOf } from "../auth/origin.js";
import { onwardPage } from "../auth/page.js";
import type { Guard } from "../auth/require-key.js";
import { sendPage, type Show } from "../auth/send-page.js";
import { type Flow, SignOnError, type SignOn } from "../auth/sign-on.js";
import type { App } from "../services.js";

const STATUS = { unavailable: 503, refused: 401, uninvited: 403 } as const;
const WORDS = {
  unavailable: "The provider of logins can't be asked just now. Try again, or log in with a key.",
  refused: "The provider of logins didn't let you in. Try again, or log in with a key.",
} as const;

/** Logins of people by a provider of OpenID Connect: there and back. */
export function signOnRoutes(
  app: App,
  {
    pool,
    guard: { keyring, sessions },
    signOn,
    secure,
    show,
  }: { pool: Pool; guard: Guard; signOn: SignOn; secure: (request: FastifyRequest) => boolean; show: Show },
): void {
  const refuse = (
    request: FastifyRequest,
    reply: FastifyReply,
    error: unknown,
    next: string,
  ): FastifyReply => {
    if (!(error instanceof SignOnError)) throw error;
    const { kind, person, message } = error;
    request.log[kind === "unavailable" ? "warn" : "info"](
      { kind, person, reason: message },
      "no login by sign-on",
    );
    if (person !== null)
      request.caller = { name: PERSON + person, scope: "viewer", keyId: null, tenant: null };
    const trouble = kind === "uninvited" ? `${message}.` : WORDS[kind];
    return show(reply.code(STATUS[kind]), { next, caller: null, trouble });
  };

  app.get(
    "/login/sign-on",
    { config: { access: "public", relieves: true }, schema: { hide: true } },
    async (request, reply) => {
      const next = nextOf(request);
      try {
        const { url, flow } = await signOn.begin(next);
        return await reply
          .header("set-cookie", flowHeader(app, sessions.sealFlow(flow), secure(request)))
          .redirect(url.href, 303);
      } catch (error) {
        return refuse(request, reply, error, next);
      }
    },
  );

  app.get(
    "/login/callback",
    { config: { access: "public", audited: true, relieves: true }, schema: { hide: true } },
    async (request, reply) => {
      const kept = flowOf(app, request.headers.cookie);
      const flow = (kept === undefined ? undefined : sessions.openFlow(kept)) as Flow | undefined;
      // It is good for one try, whatever comes of that.
      void reply.header("set-cookie", flowHeader(app, null, secure(request)));
      const next = flow?.next ?? "/";
      try {
        if (flow === undefined)
          throw new SignOnError("refused", "it wasn't begun in this browser, or too long ago");
        const query = request.url.slice(request.url.indexOf("?") + 1);
        const { name, scope, tenant } = await signOn.finish(query, flow);
        const person = await recordLogin(pool, {
          name,
          scope,
          tenant: tenant === null ? null : { ...tenant },
          expires_at: new Date(Date.now() + SESSION_S * 1_000),
        });
        keyring.forget(person.id);
        request.caller = { name: person.name, scope, keyId: person.id, tenant };
        void reply.header("set-cookie", cookieHeader(app, sessions.seal(person.id), secure(request)));
        return sendPage(reply, () => onwardPage(next));
      } catch (error) {
        return refuse(request, reply, error, next);
      }
    },
  );
}
