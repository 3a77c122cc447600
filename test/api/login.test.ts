import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSessions } from "@berth/api/auth/cookie";
import { KEY, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: URLSearchParams) =>
  fetch(api.url + path, { method, headers, redirect: "manual", ...(body === undefined ? {} : { body }) });
const login = (key: string, next = "/docs/", headers = {}) =>
  ask("POST", "/login", headers, new URLSearchParams({ key, next }));
const cookieFor = async (key: string) => (await login(key)).headers.get("set-cookie")!.split(";")[0]!;

describe("the login", () => {
  it("is where a browser is sent that asks for a page; programs get 401", async () => {
    for (const path of ["/docs/", "/admin/queues/"]) {
      const page = await ask("GET", path, { accept: "text/html" });
      expect([page.status, page.headers.get("location")]).toEqual([
        303,
        `/login?next=${encodeURIComponent(path)}`,
      ]);
      expect((await ask("GET", path)).status).toBe(401);
    }
    expect((await ask("GET", "/workspaces", { accept: "text/html" })).status).toBe(401);
  });

  it("gives a cookie that scripts and other sites don't get, good for what its key may do", async () => {
    const answer = await login(KEY);
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/docs/"]);
    expect(answer.headers.get("set-cookie")).toMatch(/; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    const cookie = await cookieFor(KEY);
    for (const path of ["/docs/", "/docs/json", "/now", "/admin/queues/", "/workspaces", "/keys"])
      expect((await ask("GET", path, { cookie })).status, path).toBe(200);
    expect((await ask("POST", "/registry/heartbeat", { cookie })).status, "an agent's route").toBe(401);
  });

  it("refuses a wrong key without a cookie", async () => {
    const answer = await login("wrong");
    expect([answer.status, answer.headers.get("set-cookie")]).toEqual([401, null]);
    expect(await answer.text()).toContain("not valid");
  });

  it.each([
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "/\t/evil.example",
    "/.//evil.example",
    "javascript:1",
  ])("goes on to no other site: %s", async (next) => {
    expect((await login(KEY, next)).headers.get("location")).toBe("/");
  });

  it("ends with the key, with its time, with logout, and not by another's signature", async () => {
    const { body } = await api.call("POST", "/keys", { body: { name: "person", scope: "viewer" } });
    const cookie = await cookieFor(body.key);
    expect((await ask("GET", "/now", { cookie })).status).toBe(200);
    expect((await ask("GET", "/admin/queues/", { cookie })).status).toBe(403);
    await api.call("DELETE", `/keys/${body.id}`);
    expect((await ask("GET", "/now", { cookie })).status).toBe(401);
    const old = createSessions([KEY], () => Date.now() - 12 * 3_600_000 - 1_000).seal(null);
    const forged = createSessions(["another-key-0123456789"]).seal(null);
    for (const value of [old, forged])
      expect((await ask("GET", "/now", { cookie: `berth_session=${value}` })).status).toBe(401);
    expect((await ask("POST", "/logout")).headers.get("set-cookie")).toMatch(/Max-Age=0/);
  });

  it("can't be made longer or another's by who has a cookie", async () => {
    const { body } = await api.call("POST", "/keys", { body: { name: "tamper", scope: "viewer" } });
    const [, id, until, signature] = /^berth_session=([^.]+)\.(\d+)\.(.+)$/.exec(await cookieFor(body.key))!;
    for (const value of [
      `${id}.${Number(until) + 3_600}.${signature}`,
      `root.${until}.${signature}`,
      `${id}.${until}.${signature!.slice(0, -2)}AA`,
      `${id}.${until}.`,
    ])
      expect((await ask("GET", "/now", { cookie: `berth_session=${value}` })).status, value).toBe(401);
    const { rows } = await api.pool.query(
      "update api_keys set expires_at = now() - interval '1 s' where id = $1 returning id",
      [body.id],
    );
    expect(rows).toHaveLength(1);
  });

  it("changes nothing for other sites' pages", async () => {
    const cookie = await cookieFor(KEY);
    const pause = (headers: Record<string, string>) =>
      ask("PUT", "/admin/queues/api/queues/operations/pause", { cookie, ...headers });
    expect((await pause({ "sec-fetch-site": "cross-site" })).status).toBe(401);
    expect((await pause({ "sec-fetch-site": "same-site" })).status).toBe(401);
    expect((await pause({ origin: "http://evil.example" })).status).toBe(401);
    expect((await pause({})).status).toBe(401);
    expect((await pause({ "sec-fetch-site": "same-origin" })).status).toBe(200);
    const create = (headers: Record<string, string>) =>
      ask("POST", "/keys", { cookie, "content-type": "application/json", ...headers });
    expect((await create({ "sec-fetch-site": "cross-site" })).status).toBe(401);
    expect((await create({})).status).toBe(401);
    expect((await create({ "sec-fetch-site": "same-origin" })).status, "it has no body").toBe(400);
    await api.queues.unplaced.resume();
    expect((await login(KEY, "/docs/", { origin: "http://evil.example" })).status).toBe(403);
  });
});
