import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { forgetKeys } from "@berth/core/db/idempotency";
import { PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(inject("redis").url, { BERTH_BACKENDS: "process,external" });
});
afterAll(() => api.close());

const count = async (table: string, where = "true"): Promise<number> =>
  (await api.pool.query<{ n: number }>(`select count(*) as n from ${table} where ${where}`)).rows[0]!.n;
const keyed = (key: string, more: Record<string, string> = {}) => ({ "idempotency-key": key, ...more });
const newKey = () => randomUUID();

describe("a request with an Idempotency-Key", () => {
  it("is carried out once, and answered again as it was at first (I6)", async () => {
    const name = newKey();
    const request = { body: { name, spec: PROCESS_SPEC }, headers: keyed(newKey()) };
    const first = await api.call("POST", "/workspaces", request);
    const again = await api.call("POST", "/workspaces", request);
    expect(first.status).toBe(202);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(again.status).toBe(202);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await count("workspaces", `name = '${name}'`)).toBe(1);
  });

  it("is carried out once if 20 of it arrive at once, and each gets the same answer", async () => {
    const name = newKey();
    const request = { body: { name, spec: PROCESS_SPEC }, headers: keyed(newKey()) };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.call("POST", "/workspaces", request)),
    );
    for (const answer of answers) expect(answer.body).toEqual(answers[0]!.body);
    expect(answers.filter((answer) => answer.headers.get("idempotency-replayed") === null)).toHaveLength(1);
    expect(await count("workspaces", `name = '${name}'`)).toBe(1);
  });

  it("is carried out once if its caller was cut off before the answer (I11)", async () => {
    const name = newKey();
    const headers = keyed(newKey());
    const body = { name, spec: PROCESS_SPEC };
    const cut = new AbortController();
    const lost = fetch(`${api.url}/workspaces`, {
      method: "POST",
      signal: cut.signal,
      headers: {
        ...headers,
        prefer: "wait=60",
        authorization: "Bearer test-admin-key-0123456789",
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    }).catch(() => "cut");
    await expect.poll(() => count("workspaces", `name = '${name}'`)).toBe(1);
    cut.abort();
    expect(await lost).toBe("cut");
    const again = await api.call("POST", "/workspaces", { body, headers });
    expect(again.status).toBe(202);
    expect(again.body.name).toBe(name);
    expect(await count("workspaces", `name = '${name}'`)).toBe(1);
  });

  it("waits for the same operation's end when it is sent again with Prefer: wait", async () => {
    const headers = keyed(newKey());
    const body = { name: "waits", spec: PROCESS_SPEC };
    const first = await api.call("POST", "/workspaces", { body, headers });
    const again = api.call("POST", "/workspaces", { body, headers: { ...headers, prefer: "wait=30" } });
    await api.finish(first.body.id, 1);
    const { status, body: ended } = await again;
    expect(status).toBe(200);
    expect(ended.id).toBe(first.body.id);
    expect(ended.operation).toMatchObject({ id: first.body.operation.id, state: "succeeded" });
  });

  it("with another body, path or query is refused, and changes nothing", async () => {
    const { id } = await api.create();
    const key = newKey();
    const headers = keyed(key);
    expect((await api.call("POST", `/workspaces/${id}/restart`, { body: {}, headers })).status).toBe(202);
    const operations = await count("operations");
    for (const [method, path, body] of [
      ["POST", `/workspaces/${id}/restart`, { if_busy: "reject" }],
      ["POST", "/workspaces", { name: "other", spec: PROCESS_SPEC }],
      ["DELETE", `/workspaces/${id}`, undefined],
    ] as const) {
      const answer = await api.call(method, path, { headers, ...(body === undefined ? {} : { body }) });
      expect(answer.status, path).toBe(422);
      expect(answer.body).toMatchObject({ code: "idempotency_key_reused", idempotency_key: key });
    }
    expect(await count("operations")).toBe(operations);
  });

  it("that was refused is tried again, since a refusal changed nothing", async () => {
    const { id } = await api.create();
    const headers = keyed(newKey());
    const refused = await api.call("POST", `/workspaces/${id}/resume`, { headers });
    expect(refused.body.code).toBe("illegal_transition");
    await api.finish(id, 1);
    await api.call("POST", `/workspaces/${id}/pause`);
    await api.finish(id, 2);
    expect((await api.call("POST", `/workspaces/${id}/resume`, { headers })).status).toBe(202);
  });

  it("is counted once into the restart that waits, whatever arrives with it (I2)", async () => {
    const { id } = await api.create();
    const keys = Array.from({ length: 10 }, newKey);
    const answers = await Promise.all(
      [...keys, ...keys, ...keys].map((key) =>
        api.call("POST", `/workspaces/${id}/restart`, { headers: keyed(key) }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.body.operation.id)).size).toBe(1);
    const { rows } = await api.pool.query(
      "select coalesced from operations where workspace_id = $1 and kind = 'restart'",
      [id],
    );
    expect(rows).toEqual([{ coalesced: 10 }]);
  });

  it("gets its first answer though what it asked for would be refused by now", async () => {
    const { id } = await api.create();
    const headers = keyed(newKey());
    const first = await api.call("POST", `/workspaces/${id}/restart`, { headers });
    await api.call("DELETE", `/workspaces/${id}`);
    const [again, fresh] = await Promise.all([
      api.call("POST", `/workspaces/${id}/restart`, { headers }),
      api.call("POST", `/workspaces/${id}/restart`, { headers: keyed(newKey()) }),
    ]);
    expect(again.body).toEqual(first.body);
    expect(fresh.status).toBe(409);
  });

  it("gets a secret that is shown once again, though the database keeps none in the clear", async () => {
    const request = { body: { name: "agent", backend: "external", spec: {} }, headers: keyed(newKey()) };
    const first = await api.call("POST", "/workspaces", request);
    const again = await api.call("POST", "/workspaces", request);
    expect(first.body.token).toMatch(/^[\w-]{43}$/);
    expect(again.body.token).toBe(first.body.token);
    const { rows } = await api.pool.query<{ answer: Buffer }>("select answer from idempotency_keys");
    for (const { answer } of rows) expect(answer.includes(first.body.token)).toBe(false);
  });

  it("belongs to its caller: another's key of the same text is another", async () => {
    const body = { name: newKey(), scope: "operator" };
    const { key } = (await api.call("POST", "/keys", { body })).body;
    const request = { body: { name: body.name, spec: PROCESS_SPEC }, headers: keyed("shared") };
    await api.call("POST", "/workspaces", request);
    const others = { ...request, headers: { ...request.headers, authorization: `Bearer ${key}` } };
    const answer = await api.call("POST", "/workspaces", others);
    expect(answer.headers.get("idempotency-replayed")).toBeNull();
    expect(await count("workspaces", `name = '${body.name}'`)).toBe(2);
  });

  it("is new again a day later", async () => {
    const name = newKey();
    const key = newKey();
    const request = { body: { name, spec: PROCESS_SPEC }, headers: keyed(key) };
    await api.call("POST", "/workspaces", request);
    await api.pool.query(
      "update idempotency_keys set created_at = created_at - interval '25 hours' where key = $1",
      [key],
    );
    await api.call("POST", "/workspaces", request);
    expect(await count("workspaces", `name = '${name}'`)).toBe(2);
    await api.pool.query(
      "update idempotency_keys set created_at = created_at - interval '25 hours' where key = $1",
      [key],
    );
    expect(await forgetKeys(api.pool, 10)).toBe(1);
  });

  it.each(["", "a b", "ä", "x".repeat(256)])("whose key is %j is refused by name", async (key) => {
    const response = await api.call("POST", "/workspaces", {
      body: { name: "w", spec: PROCESS_SPEC },
      headers: { "idempotency-key": Buffer.from(key).toString("latin1") },
    });
    expect(response.status).toBe(400);
    expect(response.body.errors[0].field).toBe("Idempotency-Key");
  });
});

describe("If-Match", () => {
  it.each(["restart", "pause", "hibernate"])(
    "holds back a %s of a workspace that has changed",
    async (verb) => {
      const { id } = await api.create();
      await api.finish(id, 1);
      const etag = (await api.call("GET", `/workspaces/${id}`)).headers.get("etag")!;
      await api.call("PATCH", `/workspaces/${id}`, { body: { name: "renamed" } });
      const stale = await api.call("POST", `/workspaces/${id}/${verb}`, { headers: { "if-match": etag } });
      expect(stale.status).toBe(412);
      expect(stale.body).toMatchObject({ code: "precondition_failed", version: expect.any(Number) });
      expect(await count("operations", `workspace_id = '${id}'`)).toBe(1);
      const fresh = await api.call("POST", `/workspaces/${id}/${verb}`, {
        headers: { "if-match": `"${stale.body.version}"` },
      });
      expect(fresh.status).toBe(202);
    },
  );

  it("holds back a delete of a workspace that has changed, and a resume", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    await api.call("POST", `/workspaces/${id}/pause`);
    await api.finish(id, 2);
    const headers = { "if-match": '"1"' };
    expect((await api.call("POST", `/workspaces/${id}/resume`, { headers })).status).toBe(412);
    expect((await api.call("DELETE", `/workspaces/${id}`, { headers })).status).toBe(412);
    expect((await api.call("GET", `/workspaces/${id}`)).body.status).toBe("paused");
  });
});

describe("what is kept for an Idempotency-Key", () => {
  it("has no large spec, which the answer has all the same", async () => {
    const spec = { ...PROCESS_SPEC, command: ["sleep", "x".repeat(30_000), "y".repeat(30_000)] };
    const { id } = await api.create({ spec });
    await api.finish(id, 1);
    const headers = { "idempotency-key": "large" };
    const ask = () => api.call("POST", `/workspaces/${id}/restart`, { headers });
    const first = await ask();
    const again = await ask();
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.body).toEqual(first.body);
    const { rows } = await api.pool.query<{ bytes: number }>(
      "select length(answer) as bytes from idempotency_keys where key = 'large'",
    );
    expect(rows[0]!.bytes).toBeLessThan(16 * 1_024);
  });
});

describe("every POST and DELETE with an API key", () => {
  it("says that it takes an Idempotency-Key", async () => {
    const { paths } = (await api.call("GET", "/docs/json")).body as {
      paths: Record<string, Record<string, { parameters?: { name: string }[]; security?: object[] }>>;
    };
    const without = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method === "post" || method === "delete")
        .filter(([, { parameters = [] }]) => !parameters.some(({ name }) => name === "idempotency-key"))
        .map(([method]) => `${method} ${path}`),
    );
    expect(without).toEqual(["post /registry/register", "post /registry/heartbeat"]);
  });
});
