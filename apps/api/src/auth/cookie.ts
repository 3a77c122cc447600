import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

export const COOKIE = "berth_session";
/** A login ends after it, in seconds. */
export const SESSION_S = 12 * 60 * 60;

export interface Sessions {
  /** The cookie's value for a login with this key; null is the key of the configuration. */
  seal(keyId: string | null): string;
  /** Which key a cookie's value stands for; undefined if it isn't ours or its time is over. */
  open(value: string): { keyId: string | null } | undefined;
}

/**
 * Signed with a secret that comes from the admin key: all API processes have it, it needs no setting of its
 * own, and another admin key ends every login. The name of the key's id inside lets its revocation end them.
 */
export function createSessions(adminKey: string, now: () => number = Date.now): Sessions {
  const secret = Buffer.from(hkdfSync("sha256", adminKey, "", "berth browser session v1", 32));
  const sign = (text: string): Buffer => createHmac("sha256", secret).update(text).digest();
  return {
    seal(keyId) {
      const text = `${keyId ?? "root"}.${Math.floor(now() / 1_000) + SESSION_S}`;
      return `${text}.${sign(text).toString("base64url")}`;
    },
    open(value) {
      const [, text, id, until, signature] =
        /^((root|[0-9a-f-]{36})\.(\d{1,12}))\.([\w-]{43})$/.exec(value) ?? [];
      if (text === undefined || signature === undefined) return undefined;
      const given = Buffer.from(signature, "base64url");
      if (!timingSafeEqual(given, sign(text)) || Number(until) * 1_000 <= now()) return undefined;
      return { keyId: id === "root" ? null : id! };
    },
  };
}

/** The `Set-Cookie` of a login, or of its end. */
export function cookieHeader(value: string | null, secure: boolean): string {
  const life = value === null ? 0 : SESSION_S;
  return `${COOKIE}=${value ?? ""}; Path=/; Max-Age=${life}; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
}

export function cookieOf(header: string | undefined): string | undefined {
  for (const pair of (header ?? "").split(";")) {
    const [name, value] = pair.trim().split("=", 2);
    if (name === COOKIE && value) return value;
  }
  return undefined;
}
