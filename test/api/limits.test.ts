import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, inject, it } from "vitest";
import { placeOf } from "@berth/api/limits/address";
import { type RunningApi, startApi } from "@berth/api/start";
import { readConfig } from "@berth/core/config/config";
import { createLogger } from "@berth/core/base/logger";
import { fleetEnvironment } from "../support/fleet.js";
import { KEY, PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(env: Record<string, string>, redisUrl: string | null = null): Promise<TestApi> {
  api = await startTestApi(redisUrl, env);
  const { close } = api;
  closing.push(() => close());
  return api;
}

/** Another process's API on the same database and Redis. */
async function another(redisUrl: string | null, env: Record<string, string>): Promise<RunningApi> {
  const config = readConfig(
    "api",
    fleetEnvironment(api.databaseUrl, redisUrl, {
      PORT: "0",
      HOST: "127.0.0.1",
      BERTH_ADMIN_KEY: KEY,
      ...env,
    }),
  );
  const { pool, queues } = api;
  const running = await startApi({ config, pool, queues, logger: createLogger(config, "test") });
  closing.unshift(() => running.close());
  return running;
}

const ask = (url: string, key: string | null, headers: Record<string, string> = {}) =>
  fetch(`${url}/workspaces`, {
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
  });
const WRONG = "not-the-key-0123456789";

describe("a key's budget", () => {
  it("is told in each answer, and beyond it is 429 until the second is over", async () => {
    await start({ BERTH_LIMIT_WRITES_PER_S: "5", BERTH_LIMIT_READS_PER_S: "1000" });
    const create = () => api.call("POST", "/workspaces", { body: { name: "w", spec: PROCESS_SPEC } });
    const first = await create();
    expect(first.status).toBe(202);
    expect(first.headers.get("ratelimit-policy")).toBe('"writes";q=5;w=1');
    expect(first.headers.get("ratelimit")).toBe('"writes";r=4;t=1');
    const all = await Promise.all(Array.from({ length: 30 }, create));
    const refused = all.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(refused[0]!.body).toMatchObject({ code: "too_many_requests", retryable: true, status: 429 });
    expect(refused[0]!.headers.get("retry-after")).toBe("1");
    expect(refused[0]!.headers.get("ratelimit")).toBe('"writes";r=0;t=1');
    const { rows } = await api.pool.query("select count(*)::int as n from workspaces");
    expect(rows).toEqual([{ n: 31 - refused.length }]);
    const read = await api.call("GET", "/workspaces");
    expect(read.status).toBe(200);
    expect(read.headers.get("ratelimit-policy")).toBe('"reads";q=1000;w=1');
    await expect.poll(async () => (await create()).status).toBe(202);
  });

  it("doesn't count heartbeats, health, readiness and metrics", async () => {
    await start({
      BERTH_LIMIT_WRITES_PER_S: "2",
      BERTH_LIMIT_READS_PER_S: "2",
      BERTH_BACKENDS: "process,external",
    });
    const { id, token } = await api.create({ backend: "external", spec: {} });
    const beat = () =>
      api.call("POST", "/registry/heartbeat", {
        body: { workspace_id: id },
        headers: { authorization: `Bearer ${token}` },
      });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => [
        beat(),
        api.call("GET", "/health"),
        api.call("GET", "/ready"),
        api.call("GET", "/metrics"),
      ]).flat(),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 80 }, () => 200));
    expect(answers[0]!.headers.get("ratelimit")).toBeNull();
  });
});

describe("two keys", () => {
  it("have a budget each", async () => {
    await start({ BERTH_LIMIT_WRITES_PER_S: "3" });
    const made = await api.call("POST", "/keys", { body: { name: "other", scope: "operator" } });
    const burst = await Promise.all(
      Array.from({ length: 20 }, () => api.call("POST", "/workspaces", { body: {} })),
    );
    expect(burst.some(({ status }) => status === 429)).toBe(true);
    const first = await api.call("POST", "/workspaces", {
      body: {},
      headers: { authorization: `Bearer ${made.body.key}` },
    });
    expect(first.status).toBe(400);
    expect(first.headers.get("ratelimit")).toBe('"writes";r=2;t=1');
  });
});

describe("wrong keys", () => {
  it("of one address are refused at every process before they are looked at, until the minute is over", async () => {
    const redisUrl = inject("redis").url;
    const env = { BERTH_LIMIT_BAD_KEYS_PER_MIN: "20" };
    await start(env, redisUrl);
    const other = await another(redisUrl, env);
    await expect.poll(async () => (await api.call("GET", "/ready")).body.queues).toBe("up");
    // Until its connection to Redis stands each process counts by itself: 20 wrong ones at most.
    let asked = 0;
    for (; asked < 40; asked++) if ((await ask(api.url, WRONG)).status === 429) break;
    expect(asked).toBeGreaterThanOrEqual(20);
    const refused = await ask(api.url, KEY);
    expect(refused.status, "a key that might be guessed").toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(30);
    expect(await refused.json()).toMatchObject({ code: "too_many_requests" });
    // One more there, and it knows what the first one has counted.
    expect((await ask(other.url, WRONG)).status).toBe(401);
    expect((await ask(other.url, WRONG)).status).toBe(429);
    expect((await fetch(`${api.url}/health`)).status).toBe(200);
  });

  it("don't lock out who was let in from there before, nor who has sent no key at all", async () => {
    await start({ BERTH_LIMIT_BAD_KEYS_PER_MIN: "3" });
    for (let time = 0; time < 10; time++) expect((await ask(api.url, null)).status).toBe(401);
    expect((await ask(api.url, KEY)).status).toBe(200);
    for (let time = 0; time < 3; time++) expect((await ask(api.url, WRONG)).status).toBe(401);
    expect((await ask(api.url, WRONG)).status).toBe(429);
    expect((await ask(api.url, null)).status).toBe(429);
    expect((await ask(api.url, KEY)).status).toBe(200);
  });

  it("are those of the caller behind a trusted proxy, and of nobody else's making", async () => {
    const from = (address: string) => ({ "x-forwarded-for": address });
    await start({ BERTH_LIMIT_BAD_KEYS_PER_MIN: "2", BERTH_TRUSTED_PROXIES: "127.0.0.0/8" });
    for (const status of [401, 401, 429])
      expect((await ask(api.url, WRONG, from("192.0.2.7"))).status).toBe(status);
    expect((await ask(api.url, KEY, from("192.0.2.7"))).status).toBe(429);
    expect((await ask(api.url, KEY, from("192.0.2.8"))).status).toBe(200);
    await api.close();
    closing.length = 0;

    await start({ BERTH_LIMIT_BAD_KEYS_PER_MIN: "2" });
    for (const [index, status] of [401, 401, 429].entries())
      expect((await ask(api.url, WRONG, from(`192.0.2.${index}`))).status).toBe(status);
  });

  it("in the form of a login count as well", async () => {
    await start({ BERTH_LIMIT_BAD_KEYS_PER_MIN: "3" });
    const login = (key: string) =>
      fetch(`${api.url}/login`, { method: "POST", body: new URLSearchParams({ key }), redirect: "manual" });
    for (const status of [401, 401, 401, 429]) expect((await login(WRONG)).status).toBe(status);
    expect((await login(KEY)).status).toBe(429);
  });

  it("count for the /64 that a caller with IPv6 has", () => {
    expect(placeOf("2001:db8:0:1::5")).toBe(placeOf("2001:db8::1:ffff:ffff:ffff:ffff"));
    expect(placeOf("2001:db8:0:2::5")).not.toBe(placeOf("2001:db8:0:1::5"));
    expect(placeOf("::1")).toBe("0:0:0:0::/64");
    expect(placeOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
    expect(placeOf("::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(placeOf("192.0.2.1")).toBe("192.0.2.1");
  });
});

describe("a request that is too large or too slow", () => {
  const open = async (): Promise<{ socket: Socket; answer: Promise<string> }> => {
    const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
    socket.on("error", () => undefined);
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    await once(socket, "connect");
    return { socket, answer: once(socket, "close").then(() => text) };
  };

  it("is refused by the size of its body: 413", async () => {
    await start({ BERTH_BODY_LIMIT_BYTES: "2048" });
    const body = { name: "w", spec: { ...PROCESS_SPEC, env: { A: "x".repeat(2_048) } } };
    const answer = await api.call("POST", "/workspaces", { body });
    expect(answer).toMatchObject({ status: 413, body: { code: "payload_too_large", status: 413 } });
    // Chunked, it has no length to be refused by.
    const { socket, answer: said } = await open();
    socket.write(
      `POST /workspaces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\n` +
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    socket.write(`1000\r\n${" ".repeat(4_096)}\r\n`);
    expect(await said).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("has its connection ended with 408, before its headers and before its body have come", async () => {
    await start({ BERTH_REQUEST_TIMEOUT_MS: "500" });
    const headers = await open();
    headers.socket.write("GET /workspaces HTTP/1.1\r\nhost: x\r\n");
    const body = await open();
    body.socket.write(
      `POST /workspaces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\n` +
        'content-type: application/json\r\ncontent-length: 100\r\n\r\n{"name":',
    );
    // A byte now and then doesn't keep it.
    const drip = setInterval(() => {
      if (headers.socket.writable) headers.socket.write("x");
      if (body.socket.writable) body.socket.write(" ");
    }, 50);
    for (const { answer } of [headers, body]) {
      const text = await answer;
      expect(text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\nContent-Type: application\/problem\+json\r\n/);
      expect(JSON.parse(text.split("\r\n\r\n")[1]!)).toMatchObject({ status: 408, code: "invalid_request" });
    }
    clearInterval(drip);
  });

  it("holds up nobody else: a hundred that trickle in are gone soon, and others are served meanwhile", async () => {
    await start({ BERTH_REQUEST_TIMEOUT_MS: "1000" });
    const slow = await Promise.all(Array.from({ length: 100 }, open));
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write("G");
    }, 100);
    for (let time = 0; time < 10; time++) expect((await api.call("GET", "/workspaces")).status).toBe(200);
    const answers = await Promise.all(slow.map(({ answer }) => answer));
    clearInterval(drip);
    expect(answers.filter((text) => !/^HTTP\/1\.1 4\d\d /.test(text))).toEqual([]);
  });

  it("counts among the connections, of which there are only so many", async () => {
    await start({ BERTH_MAX_CONNECTIONS: "5" });
    const five = await Promise.all(Array.from({ length: 5 }, open));
    const sixth = await open();
    expect(await sixth.answer).toBe("");
    for (const { socket } of five) socket.destroy();
    await Promise.all(five.map(({ answer }) => answer));
    await expect
      .poll(() =>
        ask(api.url, KEY).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
  });
});

describe("pages of other origins", () => {
  const page = (origin: string, method = "GET", headers: Record<string, string> = {}) =>
    fetch(`${api.url}/workspaces`, {
      method,
      headers: { origin, ...(method === "OPTIONS" ? {} : { authorization: `Bearer ${KEY}` }), ...headers },
    });
  const preflight = (origin: string) =>
    page(origin, "OPTIONS", {
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,idempotency-key",
    });

  it("may not call at all by default", async () => {
    await start({});
    expect((await preflight("https://example.com")).status).toBe(401);
    const answer = await page("https://example.com");
    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  it("may if they are listed: with a key, never with cookies, and see the headers they need", async () => {
    await start({ BERTH_CORS_ORIGINS: "https://a.example,https://b.example:8443" });
    const asked = await preflight("https://b.example:8443");
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe("https://b.example:8443");
    expect(asked.headers.get("access-control-allow-methods")).toBe("GET, HEAD, POST, PUT, PATCH, DELETE");
    expect(asked.headers.get("access-control-allow-headers")).toContain("idempotency-key");
    const answer = await page("https://a.example");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://a.example");
    expect(answer.headers.get("vary")).toContain("Origin");
    expect(answer.headers.get("access-control-expose-headers")!.toLowerCase().split(", ")).toEqual(
      expect.arrayContaining([
        "link",
        "etag",
        "location",
        "retry-after",
        "x-request-id",
        "preference-applied",
      ]),
    );
    for (const one of [asked, answer]) expect(one.headers.get("access-control-allow-credentials")).toBeNull();
    const refused = await fetch(`${api.url}/workspaces`, { headers: { origin: "https://a.example" } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin"), "so that the page sees the problem").toBe(
      "https://a.example",
    );

    const stranger = await page("https://evil.example");
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
    expect((await preflight("https://evil.example")).headers.get("access-control-allow-origin")).toBeNull();
    const options = await api.call("OPTIONS", "/events");
    expect({ status: options.status, allow: options.headers.get("allow") }).toEqual({
      status: 405,
      allow: "GET, HEAD",
    });
  });

  it("may all with *, and without cookies all the same", async () => {
    await start({ BERTH_CORS_ORIGINS: "*" });
    const answer = await page("https://anywhere.example");
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });
});
