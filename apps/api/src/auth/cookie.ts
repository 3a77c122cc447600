import { hkdfSync } from "node:crypto";
import fastifyCookie from "@fastify/cookie";
import type { FastifyInstance } from "fastify";
import type { App } from "../services.js";

const COOKIE = "berth_session";
/** A login ends after it, in seconds. */
const SESSION_S = 12 * 60 * 60;

export interface Sessions {
  /** The cookie's value for a login with this key; null is the key of the configuration. */
  seal(keyId: string | null): string;
  /** Which key a cookie's value stands for; undefined if it isn't ours or its time is over. */
  open(value: string): { keyId: string | null } | undefined;
}

/**
 * Signed with a secret that comes from the admin key: all API processes have it, it needs no setting of its
 * own, and another admin key ends every login, unless the former one is still taken. The name of the key's id inside lets its revocation end them.
 */
export function createSessions(adminKeys: readonly string[], now: () => number = Date.now): Sessions {
  const secrets = adminKeys.map((key) =>
    Buffer.from(hkdfSync("sha256", key, "", "berth browser session v1", 32)),
  );
  // It signs with the first and takes what any of them has signed.
  const signer = new fastifyCookie.Signer(secrets);
  return {
    seal: (keyId) => signer.sign(`${keyId ?? "root"}.${Math.floor(now() / 1_000) + SESSION_S}`),
    open(value) {
      const { valid, value: text } = signer.unsign(value);
      const [, id, until] = (valid && /^(root|[0-9a-f-]{36})\.(\d{1,12})$/.exec(text)) || [];
      if (id === undefined || Number(until) * 1_000 <= now()) return undefined;
      return { keyId: id === "root" ? null : id };
    },
  };
}

/** What reads and writes cookies: the server, once {@link readCookies} was called. */
type Cookies = Pick<FastifyInstance, "parseCookie" | "serializeCookie">;

/** Cookies are read where a key is wanted and none was sent, and by no other route. */
export function readCookies(app: App): void {
  void app.register(fastifyCookie, { hook: false });
}

/** The `Set-Cookie` of a login, or, with null, of its end. */
export function cookieHeader(cookies: Cookies, value: string | null, secure: boolean): string {
  const maxAge = value === null ? 0 : SESSION_S;
  return cookies.serializeCookie(COOKIE, value ?? "", {
    path: "/",
    maxAge,
    httpOnly: true,
    sameSite: "strict",
    secure,
  });
}

/** The value of our cookie in a request's `Cookie`. */
export function cookieOf(cookies: Cookies, header: string | undefined): string | undefined {
  return cookies.parseCookie(header ?? "")[COOKIE];
}
