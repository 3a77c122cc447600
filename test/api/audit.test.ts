import { forgetOld } from "@berth/core/db/retention";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { KEY, PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

interface Entry {
  id: number;
  request_id: string;
  caller: string | null;
  method: string;
  route: string | null;
  status: number;
}

/** The entry of a request, once it is there. */
const entryOf = (requestId: string): Promise<Entry> =>
  vi.waitFor(async () => {
    const { body } = await api.call("GET", "/audit?limit=1000");
    const found = (body as Entry[]).find((one) => one.request_id === requestId);
    expect(found, requestId).toBeDefined();
    return found!;
  });
const send = (method: string, path: string, { key = KEY, body }: { key?: string; body?: unknown } = {}) => {
  const id = `audit-${method}-${path}-${key.length}`.replaceAll(/[^\w-]/g, "_");
  return api
    .call(method, path, {
      headers: { authorization: `Bearer ${key}`, "x-request-id": id, prefer: "wait=1" },
      body,
    })
    .then(({ body: answer }) => ({ id, answer }));
};

it("writes, reads of logs, logins and refusals are written down, with who, from where and how it ended", async () => {
  const made = await send("POST", "/keys", {
    body: { name: "ci", scope: "operator", tenant: { team: "red" } },
  });
  expect(await entryOf(made.id)).toMatchObject({
    caller: "admin",
    key_id: null,
    tenant: null,
    address: "127.0.0.1",
    method: "POST",
    route: "/keys",
    path: "/keys",
    status: 201,
  });
  const { key, id: keyId } = made.answer;
  const created = await send("POST", "/workspaces", { key, body: { name: "w", spec: PROCESS_SPEC } });
  const ci = { caller: "ci", key_id: keyId, tenant: { team: "red" } };
  expect(await entryOf(created.id)).toMatchObject({ ...ci, route: "/workspaces", status: 202 });
  const logs = await send("GET", `/workspaces/${created.answer.id}/logs`, { key });
  expect(await entryOf(logs.id)).toMatchObject({ ...ci, method: "GET", route: "/workspaces/:id/logs" });
  const forbidden = await send("GET", "/leaks", { key });
  expect(await entryOf(forbidden.id)).toMatchObject({ ...ci, route: "/leaks", status: 403 });
  const stranger = await send("GET", "/workspaces", { key: "nobody" });
  expect(await entryOf(stranger.id)).toMatchObject({ caller: null, key_id: null, status: 401 });
  const login = await fetch(`${api.url}/login`, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ key: "wrong", next: "/docs/" }),
  });
  expect(await entryOf(login.headers.get("x-request-id")!)).toMatchObject({ route: "/login", status: 401 });
});

it("plain reads and the agents' beats are not, and neither is a query, which may say more than a path", async () => {
  await send("GET", "/workspaces");
  const beat = await send("POST", "/registry/heartbeat", { body: {} });
  const write = await send("POST", "/sweeps/liveness/run?dry_run=true");
  expect(await entryOf(write.id)).toMatchObject({ path: "/sweeps/liveness/run" });
  const { body } = await api.call("GET", "/audit?limit=1000");
  const seen = (body as Entry[]).map((one) => one.request_id);
  expect(seen).not.toContain(beat.id);
  expect(
    (body as Entry[]).filter(({ method, route }) => method === "GET" && route === "/workspaces"),
  ).toEqual([expect.objectContaining({ status: 401 })]);
});

it("pages go on after an id, by caller, and only for admins", async () => {
  const first = (await api.call("GET", "/audit?limit=1")).body as Entry[];
  const rest = await api.call("GET", `/audit?after=${first[0]!.id}&caller=ci`);
  expect(rest.body.length).toBeGreaterThan(0);
  for (const one of rest.body as Entry[]) expect([one.caller, one.id > first[0]!.id]).toEqual(["ci", true]);
  const viewer = await api.call("POST", "/keys", { body: { name: "v", scope: "viewer" } });
  expect((await send("GET", "/audit", { key: viewer.body.key })).answer.code).toBe("forbidden");
});

it("can only be added to, until it is old", async () => {
  for (const statement of [
    "update audit_log set caller = 'nobody'",
    "delete from audit_log",
    "truncate audit_log",
  ])
    await expect(api.pool.query(statement)).rejects.toThrow("can only be added to");
  await api.pool.query(
    `insert into audit_log (at, request_id, address, method, path, status)
     values (now() - interval '400 days', 'old', '127.0.0.1', 'POST', '/', 200)`,
  );
  expect(await forgetOld(api.pool, "audit", 365, 1_000)).toBe(1);
});

it("a write whose caller doesn't wait for its answer is written down, with from where, and loses no other", async () => {
  const gone = new AbortController();
  const asked = fetch(`${api.url}/workspaces`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${KEY}`,
      "content-type": "application/json",
      "x-request-id": "audit-gone",
      prefer: "wait=1",
    },
    body: JSON.stringify({ name: "left", spec: PROCESS_SPEC }),
    signal: gone.signal,
  });
  await vi.waitFor(async () => {
    const { rows } = await api.pool.query("select from workspaces where name = 'left'");
    expect(rows).toHaveLength(1);
  });
  gone.abort();
  await expect(asked).rejects.toThrow("aborted");
  expect(await entryOf("audit-gone")).toMatchObject({ address: "127.0.0.1", route: "/workspaces" });
});
