import { createLogger } from "@berth/core/base/logger";
import { createKeyring } from "@berth/api/auth/keyring";
import { createSessions } from "@berth/api/auth/cookie";
import { requireKey } from "@berth/api/auth/require-key";
import type { App } from "@berth/api/services";
import { fastify, type FastifyBaseLogger } from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "./api.js";

const PREVIOUS = "previous-admin-key-0123456789";
const DAY_MS = 24 * 3_600_000;

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_ADMIN_KEY_PREVIOUS: PREVIOUS, BERTH_KEY_MAX_DAYS: "30" });
});
afterAll(() => api.close());

const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
const make = (name: string, expiresInDays: number | null) =>
  api.call("POST", "/keys", {
    body: {
      name,
      scope: "viewer",
      ...(expiresInDays !== null && {
        expires_at: new Date(Date.now() + expiresInDays * DAY_MS).toISOString(),
      }),
    },
  });

it("the admin key turns without a gap: the one before is taken while it is set, and so are its logins", async () => {
  for (const key of [KEY, PREVIOUS]) expect((await api.call("GET", "/keys", as(key))).status).toBe(200);
  expect((await api.call("GET", "/keys", as(`${PREVIOUS}x`))).status).toBe(401);
  const [before, after] = [createSessions([PREVIOUS]), createSessions([KEY, PREVIOUS])];
  expect(after.open(before.seal(null))).toEqual({ keyId: null });
  expect(createSessions([KEY]).open(before.seal(null))).toBeUndefined();
  expect(createSessions([KEY]).open(after.seal(null))).toEqual({ keyId: null });
});

it("a key lives no longer than is allowed, and as long if nobody says how long", async () => {
  const { body } = await make("endless", null);
  const left = new Date(body.expires_at).getTime() - Date.now();
  expect(left / DAY_MS).toBeCloseTo(30, 1);
  expect((await make("shorter", 29)).status).toBe(201);
  const refused = await make("longer", 31);
  expect(refused.status).toBe(400);
  expect(refused.body.errors).toEqual([
    { field: "expires_at", expected: "a time within 30 days (BERTH_KEY_MAX_DAYS)" },
  ]);
});

it("each line of the log about a request says whose key it was, and never the key", async () => {
  const { body } = await make("logged", 1);
  const lines: string[] = [];
  const logger = createLogger({ logLevel: "info" }, "test", { write: (line) => void lines.push(line) });
  const app: App = fastify({ loggerInstance: logger as FastifyBaseLogger });
  requireKey(app, {
    keyring: createKeyring({ pool: api.pool, adminKeys: [KEY] }),
    sessions: createSessions([KEY]),
  });
  app.get("/seen", { config: { access: "viewer" } }, async ({ log }) => {
    log.info("in the handler");
    return null;
  });
  await app.inject({ url: "/seen", headers: { authorization: `Bearer ${body.key}` } });
  await app.close();
  const told = lines.map((line) => JSON.parse(line) as { msg: string; caller?: string; key_id?: string });
  for (const msg of ["in the handler", "request completed"])
    expect(told.find((line) => line.msg === msg)).toMatchObject({ caller: "logged", key_id: body.id });
  expect(lines.join("")).not.toContain(body.key);
});
