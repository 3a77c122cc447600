import { monitorEventLoopDelay } from "node:perf_hooks";
import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, {
    BERTH_BACKENDS: "process,external",
    BERTH_LIMIT_BAD_TOKENS_PER_MIN: "5",
    BERTH_TRUSTED_PROXIES: "127.0.0.0/8",
  });
});
afterAll(() => api.close());

const KIB = 1_024;
const token = () => randomBytes(32).toString("base64url");
const say = (bearer: string, body: unknown, address: string) =>
  api.call("POST", "/registry/heartbeat", {
    body,
    headers: { authorization: `Bearer ${bearer}`, "x-forwarded-for": address },
  });

describe("a body", () => {
  it("of an agent has 24 KiB, and is looked at for none whose token has not the form of one", async () => {
    const body = { workspace_id: randomUUID(), extra: "x".repeat(25 * KIB) };
    expect((await say("made-up", body, "192.0.2.1")).body).toMatchObject({
      status: 401,
      code: "unauthorized",
    });
    expect((await say(token(), body, "192.0.2.1")).status).toBe(413);
  });

  it("has as much room as its route needs, and no more", async () => {
    const sent = async (method: string, path: string, bytes: number) =>
      (await api.call(method, path, { body: { x: "x".repeat(bytes) } })).status;
    expect(await sent("POST", "/keys", 17 * KIB)).toBe(413);
    expect(await sent("POST", "/keys", 15 * KIB)).toBe(400);
    expect(await sent("POST", "/workspaces", 257 * KIB)).toBe(413);
    expect(await sent("POST", "/workspaces", 200 * KIB)).toBe(400);
    expect(await sent("POST", "/operations/bulk", 513 * KIB)).toBe(413);
    expect(await sent("POST", "/operations/bulk", 500 * KIB)).toBe(400);
  });

  it("with far too many entries is refused by their number, and keeps nobody waiting", async () => {
    const env = Object.fromEntries(Array.from({ length: 11_000 }, (_, n) => [`-${n}`, n]));
    const many = Array.from({ length: 11_000 }, () => 1);
    const more = Array.from({ length: 100_000 }, () => 1);
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const answers = [
      await api.call("POST", "/workspaces", { body: { name: "w", spec: { ...PROCESS_SPEC, env } } }),
      await api.call("POST", "/workspaces", { body: { name: "w", spec: { command: many } } }),
      await api.call("POST", "/operations/bulk", { body: { kind: "restart", workspace_ids: many } }),
      await api.call("POST", "/operations/bulk", { body: { kind: "restart", workspace_ids: more } }),
    ];
    loop.disable();
    expect(answers.map(({ body }) => [body.status, body.errors.length, body.errors[0].field])).toEqual([
      [400, 1, "spec.env"],
      [400, 1, "spec.command"],
      [400, 1, "workspace_ids"],
      [400, 1, "body"],
    ]);
    // Saying what is wrong with each of them took over a second.
    expect(loop.max / 1e6).toBeLessThan(1_000);
  });
});

describe("refused tokens", () => {
  it("shut out their address for a while, but no agent that is known there", async () => {
    const { id, token: good } = await api.create({ backend: "external", spec: {} });
    const [here, elsewhere] = ["192.0.2.7", "192.0.2.8"];
    expect((await say(good, { workspace_id: id }, here)).status).toBe(200);
    for (let n = 0; n < 5; n++) expect((await say(token(), { workspace_id: id }, here)).status).toBe(401);
    const refused = await say(token(), { workspace_id: id }, here);
    expect(refused).toMatchObject({ status: 429, body: { code: "too_many_requests" } });
    expect(refused.body.detail).toBe("too many wrong tokens came from this address");
    expect((await say(good, { workspace_id: id }, here)).status).toBe(200);
    expect((await say(token(), { workspace_id: id }, elsewhere)).status).toBe(401);
  });
});

describe("a request", () => {
  it("with a parameter that its route doesn't have is refused, and nothing is done", async () => {
    const { status, body } = await api.call("POST", "/workspaces?dry_run=true", {
      body: { name: "tried", spec: PROCESS_SPEC },
    });
    expect([status, body.errors[0]]).toEqual([400, { field: "dry_run", expected: "no fields" }]);
    expect((await api.call("GET", "/workspaces?name=tried")).body).toEqual([]);
  });

  it.each(["/workspaces", "/operations", "/leaks", "/keys", "/webhooks"])(
    "for a page of %s after a cursor that nobody gave is a bad request",
    async (path) => {
      const forged = Buffer.from(`1764300000000000/${"-".repeat(36)}`).toString("base64url");
      expect((await api.call("GET", `${path}?after=${forged}`)).status).toBe(400);
    },
  );

  it.each([
    ["a bidirectional override", "a\u202eb"],
    ["a zero-width space", "a\u200bb"],
    ["a byte order mark", "a\ufeffb"],
  ])("can't name a workspace, or label it, with %s", async (_, name) => {
    expect((await api.call("POST", "/workspaces", { body: { name, spec: PROCESS_SPEC } })).status).toBe(400);
    const labels = { team: name };
    expect(
      (await api.call("POST", "/workspaces", { body: { name: "w", labels, spec: PROCESS_SPEC } })).status,
    ).toBe(400);
  });

  it("may name one in any script, joined as the script needs it", async () => {
    const family = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}";
    for (const name of ["größer", "工作", "نص", family])
      expect((await api.call("POST", "/workspaces", { body: { name, spec: PROCESS_SPEC } })).status).toBe(
        202,
      );
  });

  it("has a spec of at most 64 KiB, a change's with what is kept", async () => {
    const part = "x".repeat(30 * KIB);
    const large = (n: number) => ({ command: ["sleep", ...Array.from({ length: n }, () => part)] });
    const refused = await api.call("POST", "/workspaces", { body: { name: "w", spec: large(3) } });
    expect([refused.status, refused.body.errors]).toEqual([
      400,
      [{ field: "spec", expected: "at most 64 KiB as JSON" }],
    ]);
    const { id } = await api.create({ spec: large(2) });
    const changed = await api.call("PATCH", `/workspaces/${id}`, { body: { spec: large(3) } });
    expect([changed.status, changed.body.errors[0].field]).toEqual([400, "spec"]);
  });
});

describe("a page", () => {
  it("ends at 2 MiB of specs, and leads on to the rest", async () => {
    const spec = { command: ["sleep", "x".repeat(30 * KIB), "x".repeat(30 * KIB)] };
    const labels = { size: "large" };
    await Promise.all(Array.from({ length: 40 }, (_, n) => api.create({ name: `large-${n}`, labels, spec })));
    const pages: number[] = [];
    const seen = new Set<string>();
    for (
      let path: string | undefined = "/workspaces?label=size:large&limit=1000&fields=spec";
      path !== undefined;
    ) {
      const { body, headers } = await api.call("GET", path);
      pages.push(body.length);
      for (const { id } of body) seen.add(id as string);
      path = /<([^>]+)>; rel="next"/.exec(headers.get("link") ?? "")?.[1];
    }
    expect(pages).toEqual([35, 5]);
    expect(seen.size).toBe(40);
  });

  it("has no specs unless they are asked for", async () => {
    const { body } = await api.call("GET", "/workspaces?label=size:large");
    expect(body).toHaveLength(40);
    expect(body.filter((one: object) => "spec" in one)).toEqual([]);
    const asked = await api.call("GET", "/workspaces?label=size:large&limit=1&fields=spec");
    expect(asked.body[0].spec.command[0]).toBe("sleep");
    const wrong = await api.call("GET", "/workspaces?fields=specs");
    expect([wrong.status, wrong.body.errors[0]]).toEqual([
      400,
      { field: "fields[0]", expected: "spec, which is all that a list leaves out" },
    ]);
  });

  it("ends at 2 MiB of labels too", async () => {
    const labels = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`large-${n}`, "x".repeat(256)]));
    const parent = await api.create();
    await api.pool.query(
      `with made as (
         insert into workspaces (id, name, parent_id, backend, spec, labels, status)
         select gen_random_uuid(), 'w', $1, 'process', '{}', $2, 'online' from generate_series(1, 150) returning id
       ) insert into gates (workspace_id) select id from made`,
      [parent.id, labels],
    );
    const { body, headers } = await api.call("GET", `/workspaces?parent_id=${parent.id}&limit=1000`);
    expect([body.length < 150, headers.get("link") !== null]).toEqual([true, true]);
  });
});
