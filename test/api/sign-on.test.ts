import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@berth/standalone/postgres/free-port";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBrowser, type IdentityProvider, startIdentityProvider } from "../support/identity-provider.js";
import { startTestApi, type TestApi } from "./api.js";

let directory: string;
let provider: IdentityProvider;
let api: TestApi;
let url: string;
const env = (): Record<string, string> => ({
  PORT: new URL(url).port,
  BERTH_PUBLIC_URL: url,
  BERTH_OIDC_ISSUER: provider.issuer,
  BERTH_OIDC_CLIENT_ID: provider.clientId,
  BERTH_OIDC_CLIENT_SECRET: provider.clientSecret,
  BERTH_OIDC_FILE: join(directory, "people.yaml"),
});
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sign-on-"));
  await writeFile(
    join(directory, "people.yaml"),
    `scopes: openid email groups
groups:
  - { group: berth-admins, scope: admin }
  - { group: team-red, scope: operator, tenant: { team: red } }
  - { group: staff, scope: viewer }
`,
  );
  url = `http://127.0.0.1:${await freePort()}`;
  provider = await startIdentityProvider(`${url}/login/callback`);
  Object.assign(provider.people, {
    ada: { email: "ada@example.com", email_verified: true, groups: ["staff", "berth-admins"] },
    ben: { email: "ben@example.com", email_verified: true, groups: ["team-red"] },
    eve: { email: "ada@example.com", email_verified: false, groups: ["staff"] },
    joe: { email: "joe@example.com", email_verified: true, groups: ["others"] },
  });
  api = await startTestApi(null, env());
});
afterAll(async () => {
  await api.close();
  await provider[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** A browser in which this person has gone through the provider's pages. */
async function loggedIn(name: string, next = "/#/workspaces") {
  const browser = createBrowser();
  const page = await browser.visit(`${url}/login/sign-on?next=${encodeURIComponent(next)}`);
  const end = await browser.logIn(page, name);
  const ask = (method: string, path: string, body?: object) =>
    fetch(url + path, {
      method,
      headers: {
        cookie: browser.cookieFor(url),
        "sec-fetch-site": "same-origin",
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  return { browser, end, ask };
}

interface Entry {
  caller: string | null;
  status: number;
}
const logins = async (): Promise<Entry[]> =>
  ((await api.call("GET", "/audit?limit=1000")).body as (Entry & { path: string })[])
    .filter(({ path }) => path === "/login/callback")
    .map(({ caller, status }) => ({ caller, status }));

describe("a login by a provider of OpenID Connect", () => {
  it("is offered by the login page", async () => {
    const page = await (await fetch(`${url}/login?next=/docs/`)).text();
    expect(page).toContain('href="/login/sign-on?next=%2Fdocs%2F"');
  });

  it("gives a person what the first of their groups may do, under their name", async () => {
    const { end, ask } = await loggedIn("ada");
    expect([end.status, end.text]).toEqual([200, expect.stringContaining('content="0;url=/#/workspaces"')]);
    const made = await ask("POST", "/keys", { name: "by-ada", scope: "viewer" });
    expect(made.status).toBe(201);
    const { rows } = await api.pool.query(
      "select payload ->> 'requested_by' as by from structure_events where payload ->> 'name' = 'by-ada'",
    );
    expect(rows).toEqual([{ by: "person:ada@example.com" }]);
    await expect.poll(logins).toContainEqual({ caller: "person:ada@example.com", status: 200 });
  });

  it("keeps a person of a tenant to the tenant's workspaces", async () => {
    const { ask } = await loggedIn("ben");
    const made = await ask("POST", "/workspaces", { name: "bens", spec: { command: ["sleep", "1"] } });
    expect([made.status, ((await made.json()) as { labels: object }).labels]).toEqual([202, { team: "red" }]);
    const other = await api.create({ name: "others" });
    expect((await ask("GET", `/workspaces/${other.id as string}`)).status).toBe(404);
    expect((await ask("GET", "/keys")).status).toBe(403);
  });

  it("takes no address for a name that the provider hasn't checked", async () => {
    const { ask } = await loggedIn("eve");
    expect((await ask("GET", "/workspaces")).status).toBe(200);
    await expect.poll(logins).toContainEqual({ caller: "person:eve", status: 200 });
  });

  it("refuses whose groups aren't in the file, and the audit log has whom", async () => {
    const { end, ask } = await loggedIn("joe");
    expect([end.status, end.text]).toEqual([403, expect.stringContaining("no group of joe@example.com")]);
    expect((await ask("GET", "/workspaces")).status).toBe(401);
    await expect.poll(logins).toContainEqual({ caller: "person:joe@example.com", status: 403 });
  });

  it("ends with a logout, copies of its cookie too, and with a revocation by an admin", async () => {
    const { browser, ask } = await loggedIn("ben");
    const cookie = browser.cookieFor(url);
    const as = (value: string) => fetch(`${url}/workspaces`, { headers: { cookie: value } });
    expect((await as(cookie)).status).toBe(200);
    expect((await ask("POST", "/logout")).status).toBe(200);
    expect((await as(cookie)).status).toBe(401);
    const again = await loggedIn("ben");
    const { body: keys } = await api.call("GET", "/keys?limit=1000");
    const { id, expires_at } = keys.find(
      (key: { name: string; revoked_at: string | null }) =>
        key.name === "person:ben@example.com" && key.revoked_at === null,
    );
    expect(Date.parse(expires_at)).toBeLessThanOrEqual(Date.now() + 12 * 3_600_000);
    await api.call("DELETE", `/keys/${id}`);
    expect((await again.ask("GET", "/workspaces")).status).toBe(401);
  });

  it("follows the groups: the next login may do what they say then", async () => {
    const before = await loggedIn("ada");
    provider.people["ada"]!["groups"] = ["staff"];
    await loggedIn("ada");
    expect((await before.ask("GET", "/keys")).status).toBe(403);
    provider.people["ada"]!["groups"] = ["berth-admins"];
  });

  it("lets nobody in who comes back to what this browser didn't begin", async () => {
    const { browser } = await loggedIn("ada");
    const begun = await fetch(`${url}/login/sign-on`, { redirect: "manual" });
    const state = new URL(begun.headers.get("location")!).searchParams.get("state")!;
    const cookie = begun.headers.get("set-cookie")!.split(";")[0]!;
    expect(begun.headers.get("set-cookie")).toMatch(/; Path=\/login; HttpOnly; SameSite=Lax$/);
    const back = (query: string, value: string) =>
      fetch(`${url}/login/callback?${query}`, { headers: { cookie: value }, redirect: "manual" });
    const tried = [
      await back(`code=made-up&state=${state}`, browser.cookieFor(url)),
      await back("code=made-up&state=another", cookie),
      await back(`code=made-up&state=${state}`, cookie),
      await back(`error=access_denied&state=${state}`, cookie),
      await back(`code=made-up&state=${state}`, cookie.replace(/.\./, "x.")),
    ];
    for (const answer of tried) {
      expect(answer.status).toBe(401);
      expect(answer.headers.getSetCookie().join()).not.toContain("berth_session=");
    }
  });
});

it("can't be asked for while the provider is away, and works once it is back; keys do meanwhile", async () => {
  const port = await freePort();
  const there = `http://127.0.0.1:${port}`;
  const other = await startTestApi(null, {
    ...env(),
    PORT: "0",
    BERTH_OIDC_ISSUER: there,
  });
  const asked = await fetch(`${other.url}/login/sign-on`, { redirect: "manual" });
  expect([asked.status, await asked.text()]).toEqual([
    503,
    expect.stringContaining("can't be asked just now".replace("'", "&#39;")),
  ]);
  expect((await other.call("GET", "/workspaces")).status).toBe(200);
  await using back = await startIdentityProvider(`${url}/login/callback`, port);
  const begun = await fetch(`${other.url}/login/sign-on`, { redirect: "manual" });
  expect([begun.status, new URL(begun.headers.get("location")!).origin]).toEqual([303, back.issuer]);
  await other.close();
});
