import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { BerthError, type Client, type ClientOptions, createClient, type Trouble } from "@berth/client";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { KEY, PROCESS_SPEC, startTestApi, type TestApi } from "../api/api.js";
import { startWire } from "./wire.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_MAX_STREAMS: "1" });
});
afterAll(() => api.close());

const QUICK = { baseMs: 10 };
const count = async (where: string): Promise<number> =>
  (await api.pool.query<{ n: number }>(`select count(*) as n from operations where ${where}`)).rows[0]!.n;

/** A client, with what it told of its retries and the requests that it made. */
function watched(options: Partial<ClientOptions> = {}) {
  const troubles: Trouble[] = [];
  const requests: Request[] = [];
  const berth = createClient({
    url: api.url,
    key: KEY,
    retry: QUICK,
    onRetry: (trouble) => troubles.push(trouble),
    fetch: (request, init) => {
      requests.push(request);
      return fetch(request, init);
    },
    ...options,
  });
  return { berth, troubles, requests };
}
const keysOf = (requests: readonly Request[]) =>
  requests.map(({ headers }) => headers.get("idempotency-key"));
const refused = async (call: Promise<unknown>): Promise<BerthError> => {
  const error = await call.then(
    () => new Error("it succeeded"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BerthError);
  return error as BerthError;
};
const create = (berth: Client, name: string) =>
  berth.POST("/workspaces", { body: { name, spec: PROCESS_SPEC } });

describe("a request whose reply is lost", () => {
  it("is sent again with the same key, and makes one operation (I6)", async () => {
    await using wire = await startWire(api.url);
    const { berth, requests, troubles } = watched({ url: wire.url });
    wire.loseReplies(2);
    const { data, response } = await create(berth, "lost");
    expect(response.headers.get("idempotency-replayed")).toBe("true");
    expect(await count(`workspace_id = '${data.id}'`)).toBe(1);
    expect(await berth.GET("/workspaces", { params: { query: { name: "lost" } } })).toMatchObject({
      data: [{ id: data.id }],
    });
    const keys = keysOf(requests.filter(({ method }) => method === "POST"));
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(troubles.map(({ error, tries }) => [error.code, tries])).toEqual([
      ["unreachable", 1],
      ["unreachable", 2],
    ]);
  });

  it("has arrived as well where only a part of the reply came (I6)", async () => {
    await using wire = await startWire(api.url);
    const { berth, troubles } = watched({ url: wire.url });
    wire.cutAfter('"name":"half"');
    const { data } = await create(berth, "half");
    expect(data.name).toBe("half");
    expect(troubles).toHaveLength(1);
    const { data: found } = await berth.GET("/workspaces", { params: { query: { name: "half" } } });
    expect(found).toHaveLength(1);
  });

  it("deletes, restarts and cancels once as well (I6)", async () => {
    await using wire = await startWire(api.url);
    const { berth } = watched({ url: wire.url });
    const { id } = await api.create();
    await api.finish(id, 1);
    const path = { path: { id } };
    wire.loseReplies(1);
    const { data: restarted } = await berth.POST("/workspaces/{id}/restart", { params: path });
    expect(restarted.operation.coalesced).toBe(1);
    wire.loseReplies(1);
    await berth.POST("/operations/{id}/cancel", { params: { path: { id: restarted.operation.id } } });
    wire.loseReplies(1);
    const { data: removed } = await berth.DELETE("/workspaces/{id}", { params: path });
    expect(removed.operation?.kind).toBe("delete");
    expect(await count(`workspace_id = '${id}'`)).toBe(3);
  });

  it("isn't sent again where its own success would refuse it: a change under If-Match", async () => {
    await using wire = await startWire(api.url);
    const { berth, requests } = watched({ url: wire.url });
    const { id, version } = await api.create();
    const patch = (body: { labels: Record<string, string> }, header: Record<string, string>) =>
      berth.PATCH("/workspaces/{id}", { params: { path: { id }, header }, body });
    wire.loseReplies(1);
    const error = await refused(patch({ labels: { a: "1" } }, { "if-match": `"${version}"` }));
    expect(error).toMatchObject({ code: "unreachable", status: 0, retryable: true });
    expect(requests).toHaveLength(1);
    wire.loseReplies(1);
    expect((await patch({ labels: { a: "2" } }, {})).data.labels).toEqual({ a: "2" });
    expect(requests).toHaveLength(3);
  });

  it("is given up after as many tries as are allowed, and then says why", async () => {
    await using wire = await startWire(api.url);
    const { berth, requests } = watched({ url: wire.url, retry: { ...QUICK, tries: 3 } });
    wire.broken = true;
    const error = await refused(berth.GET("/workspaces"));
    expect(error.detail).toMatch(/^Berth doesn't answer at http:\/\/127\.0\.0\.1:\d+: \S+/);
    expect(requests).toHaveLength(3);
  });

  it("is given up after its time: what takes a request may never answer it", async () => {
    const silent = createNetServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { berth, requests } = watched({ url, timeoutMs: 100, retry: { ...QUICK, tries: 2 } });
    expect(await refused(berth.GET("/workspaces"))).toMatchObject({
      code: "unreachable",
      detail: `Berth doesn't answer at ${url}: no answer within 100 ms`,
    });
    expect(requests).toHaveLength(2);
  });

  it("ends at once with the caller's own reason when the caller gives up", async () => {
    await using wire = await startWire(api.url);
    const leave = new AbortController();
    const { berth } = watched({
      url: wire.url,
      retry: { baseMs: 60_000, mostMs: 60_000, totalMs: 120_000 },
      onRetry: () => leave.abort(new Error("enough")),
    });
    wire.broken = true;
    await expect(berth.GET("/workspaces", { signal: leave.signal })).rejects.toThrow("enough");
  });
});

describe("a request that is refused for now", () => {
  it("is sent again when Retry-After says so, not sooner: 429", async () => {
    const slow = await startTestApi(null, { BERTH_LIMIT_WRITES_PER_S: "1" });
    onTestFinished(() => slow.close());
    const { berth, troubles, requests } = watched({ url: slow.url });
    await create(berth, "first");
    const began = performance.now();
    const { data } = await create(berth, "second");
    expect(data.name).toBe("second");
    expect(troubles[0]!.error).toMatchObject({ code: "too_many_requests", status: 429 });
    expect(troubles[0]!.delayMs).toBeGreaterThanOrEqual(1_000);
    expect(performance.now() - began).toBeGreaterThanOrEqual(1_000);
    expect(new Set(keysOf(requests)).size).toBe(2);
  });

  it("is let in once there is room: 503", async () => {
    const { berth: first } = watched();
    const stream = first.events({ after: 0 });
    await api.create();
    await stream.next();
    const { berth: second, troubles } = watched({
      onRetry: (trouble) => {
        troubles.push(trouble);
        void stream.return();
      },
    });
    const waiting = second.events({ after: 0 });
    expect((await waiting.next()).value).toMatchObject({ event_type: "workspace.provisioning" });
    await waiting.return();
    expect(troubles[0]!.error).toMatchObject({ code: "overloaded", status: 503 });
    expect(troubles[0]!.delayMs).toBeGreaterThanOrEqual(1_000);
  });

  it("is told so at once where it would have to wait for longer than it may", async () => {
    const slow = await startTestApi(null, { BERTH_LIMIT_WRITES_PER_S: "1" });
    onTestFinished(() => slow.close());
    const { berth, troubles } = watched({ url: slow.url, retry: { totalMs: 500 } });
    await create(berth, "first");
    expect(await refused(create(berth, "second"))).toMatchObject({ code: "too_many_requests" });
    expect(troubles).toEqual([]);
  });

  it("isn't sent again if that is how its operation ended", async () => {
    const { berth, requests } = watched();
    const { id } = await api.create();
    await api.finish(id, 1);
    const restarting = refused(
      berth.POST("/workspaces/{id}/restart", {
        params: { path: { id }, header: { prefer: "wait=30" } },
      }),
    );
    await expect.poll(() => count(`workspace_id = '${id}' and kind = 'restart'`)).toBe(1);
    await api.finish(id, 2, { code: "provider_unavailable", message: "no daemon" });
    const error = await restarting;
    expect(error).toMatchObject({ code: "provider_unavailable", status: 503, detail: "no daemon" });
    expect(error.problem).toMatchObject({ operation_state: "failed", workspace_id: id });
    expect(requests).toHaveLength(1);
  });
});

describe("a refusal", () => {
  it("is an error with code, status and detail", async () => {
    const { berth, requests } = watched();
    const path = { path: { id: "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f" } };
    expect(await refused(berth.GET("/workspaces/{id}", { params: path }))).toMatchObject({
      code: "workspace_not_found",
      status: 404,
      detail: expect.stringContaining("there is no workspace 0d9f6f2e"),
      retryable: false,
      fields: [],
    });
    const { id } = await api.create();
    const resume = berth.POST("/workspaces/{id}/resume", { params: { path: { id } } });
    expect(await refused(resume)).toMatchObject({
      code: "illegal_transition",
      status: 409,
      problem: { instance: `/workspaces/${id}/resume`, request_id: expect.any(String) },
    });
    expect(requests).toHaveLength(2);
  });

  it("names every field that was refused", async () => {
    const { berth } = watched();
    const body = { name: "", spec: { cpus: -1 } };
    const { code, fields } = await refused(berth.POST("/workspaces", { body }));
    expect(code).toBe("invalid_request");
    expect(fields.map(({ field }) => field).toSorted()).toEqual(["name", "spec.cpus"]);
  });

  it("of a key says so", async () => {
    const { berth } = watched({ key: "no-such-key-0123456789" });
    expect(await refused(berth.GET("/workspaces"))).toMatchObject({ code: "unauthorized", status: 401 });
  });
});

describe("something else than Berth", () => {
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  it("isn't taken for it, whatever it answers", async () => {
    const page = await serve((_, response) => void response.end("<h1>It works!</h1>"));
    expect(await refused(watched({ url: page }).berth.GET("/workspaces"))).toMatchObject({
      code: "not_berth",
      detail: `something that isn't Berth answers at ${page}`,
    });
    const gateway = await serve((_, response) => void response.writeHead(502).end("bad gateway"));
    const { berth, requests } = watched({ url: gateway, retry: { ...QUICK, tries: 2 } });
    expect(await refused(create(berth, "x"))).toMatchObject({ code: "not_berth", status: 502 });
    expect(requests).toHaveLength(2);
  });

  it("that redirects isn't followed, since a POST would become a GET", async () => {
    const moved = await serve((_, response) =>
      response.writeHead(301, { location: "https://berth.example" }).end(),
    );
    expect(await refused(create(watched({ url: moved }).berth, "x"))).toMatchObject({
      code: "not_berth",
      detail: "the address redirects to https://berth.example: use that one",
    });
  });
});
