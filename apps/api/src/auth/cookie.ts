import { hkdfSync } from "node:crypto";
import fastifyCookie from "@fastify/cookie";
import type { FastifyInstance } from "fastify";
import type { App } from "../services.js";

const COOKIE = "berth_session";
/** What a browser keeps between a login's beginning at a provider and its end, and for how long, in seconds. */
const FLOW_COOKIE = "berth_sign_on";
const FLOW_S = 10 * 60;
/** A login ends after it, in seconds. */
export const SESSION_S = 12 * 60 * 60;

export interface Sessions {
  /** The cookie's value for a login with this key; null is the key of the configuration. */
  seal(keyId: string | null): string;
  /** Which key a cookie's value stands for; undefined if it isn't ours or its time is over. */
  open(value: string): { keyId: string | null } | undefined;
  /** The same for a login that has begun at a provider. */
  sealFlow(flow: object): string;
  openFlow(value: string): unknown;
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
  const seal = (text: string, lifeS: number): string =>
    signer.sign(`${text}.${Math.floor(now() / 1_000) + lifeS}`);
  /** What stands in the form's group of one that is ours and whose time isn't over. */
  const open = (value: string, form: RegExp): string | undefined => {
    const { valid, value: text } = signer.unsign(value);
    const [, kept, until] = (valid && form.exec(text)) || [];
    return Number(until) * 1_000 > now() ? kept : undefined;
  };
  return {
    seal: (keyId) => seal(keyId ?? "root", SESSION_S),
    open(value) {
      const id = open(value, /^(root|[0-9a-f-]{36})\.(\d{1,12})$/);
      return id === undefined ? undefined : { keyId: id === "root" ? null : id };
    },
    sealFlow: (flow) => seal(`flow.${Buffer.from(JSON.stringify(flow)).toString("base64url")}`, FLOW_S),
    openFlow(value) {
      const flow = open(value, /^flow\.([\w-]+)\.(\d{1,12})$/);
      return flow === undefined
        ? undefined
        : (JSON.parse(Buffer.from(flow, "base64url").toString("utf8")) as unknown);
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
  return headerOf(cookies, { name: COOKIE, path: "/", maxAge: SESSION_S, sameSite: "strict" }, value, secure);
}

/** The value of our cookie in a request's `Cookie`. */
export function cookieOf(cookies: Cookies, header: string | undefined): string | undefined {
  return cookies.parseCookie(header ?? "")[COOKIE];
}

/** The same of a login at a provider. Not strict: the way back from there begins at another site. */
export function flowHeader(cookies: Cookies, value: string | null, secure: boolean): string {
  return headerOf(
    cookies,
    { name: FLOW_COOKIE, path: "/login", maxAge: FLOW_S, sameSite: "lax" },
    value,
    secure,
  );
}

export function flowOf(cookies: Cookies, header: string | undefined): string | undefined {
  return cookies.parseCookie(header ?? "")[FLOW_COOKIE];
}

function headerOf(
  cookies: Cookies,
  { name, maxAge, ...where }: { name: string; path: string; maxAge: number; sameSite: "strict" | "lax" },
  value: string | null,
  secure: boolean,
): string {
  const lives = value === null ? 0 : maxAge;
  return cookies.serializeCookie(name, value ?? "", { ...where, maxAge: lives, httpOnly: true, secure });
}
