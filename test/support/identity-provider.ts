import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import Provider from "oidc-provider";

/** A real provider of OpenID Connect on this machine, at which anybody logs in by a name alone. */
export interface IdentityProvider extends AsyncDisposable {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** What it says of a person, besides `sub`, by the name with which one logs in. */
  people: Record<string, Record<string, unknown>>;
}

/** @param callback where a client may be sent back to */
export async function startIdentityProvider(callback: string, port = 0): Promise<IdentityProvider> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [clientId, clientSecret] = ["berth", "a-secret-of-the-client"];
  const people: IdentityProvider["people"] = {};
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [callback],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "email", "groups"],
    pkce: { required: () => true },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({ sub: id, ...people[id] }),
    }),
    cookies: { keys: ["a-key-for-cookies"] },
  });
  // A test that is kept waiting finds its connection still there.
  server.keepAliveTimeout = 60_000;
  server.on("request", provider.callback());
  return {
    issuer,
    clientId,
    clientSecret,
    people,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** As much of a browser as a login needs: cookies of each origin, redirects, forms. */
export function createBrowser() {
  const cookies = new Map<string, Map<string, string>>();
  const visit = async (
    url: string,
    form?: Record<string, string>,
  ): Promise<{ url: string; status: number; text: string }> => {
    const { origin } = new URL(url);
    const jar = cookies.get(origin) ?? new Map<string, string>();
    cookies.set(origin, jar);
    const answer = await fetch(url, {
      redirect: "manual",
      headers: { accept: "text/html", cookie: [...jar].map((pair) => pair.join("=")).join("; ") },
      ...(form !== undefined && { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (value === "" || /max-age=0|expires=thu, 01 jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    const to = answer.headers.get("location");
    if (to !== null && answer.status < 400) return visit(new URL(to, url).href);
    return { url, status: answer.status, text: await answer.text() };
  };
  return {
    visit,
    /** What it would send to that origin. */
    cookieFor: (origin: string) => [...(cookies.get(origin) ?? [])].map((pair) => pair.join("=")).join("; "),
    /** Logs in at the provider, where a page of it is what is seen. */
    async logIn(page: { url: string; text: string }, name: string) {
      let seen: Awaited<ReturnType<typeof visit>> = { ...page, status: 200 };
      for (const form of [{ prompt: "login", login: name, password: "any" }, { prompt: "consent" }]) {
        const action = /action="([^"]+)"/.exec(seen.text)?.[1];
        if (action === undefined || !seen.text.includes(`value="${form.prompt}"`)) continue;
        seen = await visit(new URL(action, seen.url).href, form as Record<string, string>);
      }
      return seen;
    },
  };
}
