import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { readConfig } from "@berth/core/config/config";
import type { LogLine } from "@berth/core/compute/backend";
import { BackendError } from "@berth/core/compute/backend-error";
import { createLogger } from "@berth/core/base/logger";
import { startWorker } from "@berth/worker/start";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { fleetEnvironment } from "../support/fleet.js";
import { createRecordedBackend, type RecordedBackend } from "../support/recorded-backend.js";
import { KEY, startTestApi, type TestApi } from "./api.js";

const ENV = { BERTH_BACKENDS: "process,external", BERTH_LOG_FOLLOWERS: "3" };
const SOON = { interval: 20 };
const line = (text: string): LogLine => ({ stream: "stdout", time: "2026-11-21T09:30:04.1Z", text });

describe.each(["postgres", "redis"])("with the queues on %s", (store) => {
  const redisUrl = () => (store === "redis" ? inject("redis").url : null);
  let api: TestApi;
  let backend: RecordedBackend;
  let closeWorker: () => Promise<void>;
  /** What the workspace has written. */
  let written: LogLine[] = [];
  let asked = 0;
  const onLogs: RecordedBackend["faults"]["onLogs"] = (_, { tail, since }) => {
    asked++;
    const fresh = written.slice(Number(since ?? 0));
    const lines = fresh.slice(-tail);
    return { lines, cursor: String(written.length), truncated: lines.length < fresh.length };
  };
  beforeAll(async () => {
    api = await startTestApi(redisUrl(), ENV);
    backend = await createRecordedBackend(api.pool);
    const config = readConfig("worker", fleetEnvironment(api.databaseUrl, redisUrl(), ENV));
    const worker = startWorker({
      config,
      pool: api.pool,
      queues: api.queues,
      backends: new Map([["process", backend]]),
      logger: createLogger(config, "test"),
    });
    closeWorker = () => worker.close();
    backend.faults.onLogs = onLogs;
  });
  afterEach(() => {
    backend.faults.onLogs = onLogs;
    written = [];
  });
  afterAll(async () => {
    await closeWorker();
    await api.close();
  });

  const running = async (): Promise<string> => {
    const { status, body } = await api.call("POST", "/workspaces", {
      body: { name: "w", backend: "process", spec: { command: ["x"], readiness: "running" } },
      headers: { prefer: "wait=30" },
    });
    expect([status, body.status]).toEqual([200, "online"]);
    return body.id as string;
  };
  /** A follower: what it has been sent, event by event. */
  const follow = async (path: string, headers: Record<string, string> = {}, to = api) => {
    const leave = new AbortController();
    const response = await fetch(to.url + path, {
      headers: { authorization: `Bearer ${KEY}`, ...headers },
      signal: leave.signal,
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const seen: { text: string; ended: boolean } = { text: "", ended: false };
    const reading = (async () => {
      for await (const chunk of response.body!) seen.text += Buffer.from(chunk).toString("utf8");
      seen.ended = true;
    })().catch(() => undefined);
    const events = () =>
      seen.text.split("\n\n").flatMap((block) => {
        const [, event, id, data] = /^event: (\w+)\n(?:id: (.+)\n)?data: (.+)$/.exec(block) ?? [];
        return event === undefined ? [] : [{ event, id, data: JSON.parse(data!) as Record<string, unknown> }];
      });
    return {
      seen,
      events,
      texts: () => events().flatMap(({ event, data }) => (event === "line" ? [data["text"]] : [])),
      async leave() {
        leave.abort();
        await reading;
      },
    };
  };

  it("gives the last lines as a worker reads them, with stream and time, and what wrote them", async () => {
    const id = await running();
    written = [line("one"), { stream: null, time: null, text: "two\0" }, line("three")];
    const { status, body } = await api.call("GET", `/workspaces/${id}/logs?tail=2`);
    expect(status).toBe(200);
    expect(body).toEqual({
      workspace_id: id,
      backend: "process",
      generation: 1,
      truncated: true,
      lines: [{ stream: null, time: null, text: "two\ufffd" }, line("three")],
    });
    expect(await api.queues.logsOf("process").getJobs(["completed", "waiting", "active"])).toEqual([]);
  });

  it("leaves nothing of them in the queue's history, nor where they passed", async () => {
    const id = await running();
    const secret = randomUUID();
    written = [line(`password ${secret}`)];
    const { body } = await api.call("GET", `/workspaces/${id}/logs`);
    expect(body.lines).toEqual(written);
    expect((await api.pool.query("select from log_answers")).rowCount).toBe(0);
    if (store === "postgres") {
      const kept = "select from bullmq.event where to_jsonb(event)::text like $1";
      expect((await api.pool.query(kept, [`%${secret}%`])).rowCount).toBe(0);
    } else {
      const redis = new Redis(inject("redis").url);
      const streams = (await redis.keys("*:events")).filter((key) => key.includes("logs-process"));
      const kept = await Promise.all(streams.map((key) => redis.xrange(key, "-", "+")));
      redis.disconnect();
      expect(streams).not.toEqual([]);
      expect(JSON.stringify(kept)).not.toContain(secret);
    }
  });

  it("ends a stream whose key was revoked, and says so", async () => {
    const id = await running();
    const { body } = await api.call("POST", "/keys", {
      body: { name: `reader-${store}`, scope: "operator" },
    });
    const authorization = `Bearer ${body.key as string}`;
    const followed = await follow(`/workspaces/${id}/logs?follow=true`, { authorization });
    await api.call("DELETE", `/keys/${body.id}`);
    await vi.waitFor(() => expect(followed.seen.ended).toBe(true), SOON);
    expect(followed.events().at(-1)).toMatchObject({ event: "end", data: { reason: "key_refused" } });
  });

  it("tells what to do where there are none to read", async () => {
    const id = await running();
    await api.call("POST", `/workspaces/${id}/pause`, { headers: { prefer: "wait=30" } });
    expect(await api.call("GET", `/workspaces/${id}/logs`)).toMatchObject({
      status: 404,
      body: { code: "no_logs", workspace_status: "paused" },
    });
    const elsewhere = await api.create({ backend: "external", spec: {} });
    for (const query of ["", "?follow=true"])
      expect(await api.call("GET", `/workspaces/${elsewhere.id}/logs${query}`)).toMatchObject({
        status: 409,
        body: { code: "logs_elsewhere", detail: expect.stringContaining("read its logs where it runs") },
      });
    await api.call("DELETE", `/workspaces/${id}`, { headers: { prefer: "wait=30" } });
    expect((await api.call("GET", `/workspaces/${id}/logs?follow=true`)).status).toBe(404);
    for (const query of ["tail=0", "tail=10001", "tail=x", "follow=maybe", "lines=3"])
      expect((await api.call("GET", `/workspaces/${id}/logs?${query}`)).status, query).toBe(400);
  });

  it("tells a provider that is away from one that doesn't answer, and waits for neither for long", async () => {
    const id = await running();
    backend.faults.onLogs = () => {
      throw new BackendError("backend_unreachable", "transient", "connect ECONNREFUSED", {
        providerCode: "ECONNREFUSED",
      });
    };
    const away = await api.call("GET", `/workspaces/${id}/logs`);
    expect(away).toMatchObject({
      status: 503,
      body: { code: "provider_unavailable", provider_code: "ECONNREFUSED", retryable: true },
    });
    expect(away.headers.get("retry-after")).toBe("5");
    backend.faults.onLogs = (_, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(new BackendError("aborted", "transient", "given up"))),
      );
    // Long enough for a worker on a busy machine to take it: else it is one that didn't come.
    expect(await api.call("GET", `/workspaces/${id}/logs`, { headers: { prefer: "wait=3" } })).toMatchObject({
      status: 504,
      body: { code: "provider_timeout" },
    });
  });

  it("is for operators: programs write their secrets too", async () => {
    const { body } = await api.call("POST", "/keys", { body: { name: `v-${store}`, scope: "viewer" } });
    const id = await running();
    const headers = { authorization: `Bearer ${body.key}` };
    expect((await api.call("GET", `/workspaces/${id}/logs`, { headers })).status).toBe(403);
  });

  it("follows without loss or repeat; all followers at one place share one question", async () => {
    const id = await running();
    written = [line("old"), line("one")];
    const first = await follow(`/workspaces/${id}/logs?tail=1&follow=true`);
    await expect.poll(first.texts, SOON).toEqual(["one"]);
    expect(first.events()[0]).toMatchObject({ event: "logs", data: { backend: "process", generation: 1 } });
    const second = await follow(`/workspaces/${id}/logs?tail=2&follow=true`);
    await expect.poll(second.texts, SOON).toEqual(["old", "one"]);
    written.push(line("two"), line("three"));
    await expect.poll(first.texts, SOON).toEqual(["one", "two", "three"]);
    await expect.poll(second.texts, SOON).toEqual(["old", "one", "two", "three"]);
    // At one place now: each round asks once for both.
    asked = 0;
    for (const n of [4, 5, 6]) {
      written.push(line(String(n)));
      await expect.poll(first.texts, SOON).toHaveLength(n);
      await expect.poll(second.texts, SOON).toHaveLength(n + 1);
    }
    expect(asked).toBeLessThanOrEqual(5);
    const { id: place } = first.events().at(-1)!;
    await first.leave();
    await second.leave();
    written.push(line("meanwhile"));
    const again = await follow(`/workspaces/${id}/logs?follow=true`, { "last-event-id": place! });
    await expect.poll(again.texts, SOON).toEqual(["meanwhile"]);
    await again.leave();
    // Nobody follows: nobody asks.
    const quiet = asked;
    await expect
      .poll(
        async () => (await api.queues.logsOf("process").getJobCounts("active", "waiting"))["active"],
        SOON,
      )
      .toBe(0);
    expect(asked - quiet).toBeLessThanOrEqual(1);
  });

  it("goes on through trouble and through a restart, and ends with the workspace", async () => {
    const id = await running();
    written = [line("first life")];
    const follower = await follow(`/workspaces/${id}/logs?follow=true`);
    await expect.poll(follower.texts, SOON).toEqual(["first life"]);
    backend.faults.onLogs = () => {
      throw new BackendError("backend_unreachable", "transient", "away");
    };
    await expect.poll(() => follower.events().map(({ event }) => event), SOON).toContain("trouble");
    backend.faults.onLogs = onLogs;
    await api.call("POST", `/workspaces/${id}/restart`, { headers: { prefer: "wait=30" } });
    written = [line("second life")];
    await expect.poll(follower.texts, SOON).toEqual(["first life", "second life"]);
    expect(follower.events().filter(({ event }) => event === "logs")[1]!.data["generation"]).toBe(2);
    await api.call("DELETE", `/workspaces/${id}`, { headers: { prefer: "wait=30" } });
    await expect.poll(() => follower.seen.ended, SOON).toBe(true);
    expect(follower.events().at(-1)).toMatchObject({ event: "end", data: { reason: "removed" } });
  });

  it("is bounded in time and number", async () => {
    const id = await running();
    const path = `/workspaces/${id}/logs?follow=true`;
    const short = await follow(path, { prefer: "wait=1" });
    await expect.poll(() => short.seen.ended, SOON).toBe(true);
    expect(short.events().at(-1)).toMatchObject({ event: "end", data: { reason: "time" } });
    const followers = await Promise.all([1, 2, 3].map(() => follow(path)));
    expect(await api.call("GET", path)).toMatchObject({ status: 503, body: { code: "too_many_followers" } });
    for (const follower of followers) await follower.leave();
    await expect
      .poll(async () => {
        const answer = await follow(path, { prefer: "wait=0" }).catch(() => null);
        return answer !== null;
      }, SOON)
      .toBe(true);
  });

  it.runIf(store === "redis")("drops who doesn't read, and asks no more for them", async () => {
    const id = await running();
    // What is in flight and in the buffers of the system is little beside it.
    const long = line("x".repeat(3 * 2 ** 20));
    backend.faults.onLogs = (_, { since }) => {
      asked++;
      return { lines: [long], cursor: String(Number(since ?? 0) + 1), truncated: false };
    };
    const response = await fetch(`${api.url}/workspaces/${id}/logs?follow=true`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    asked = 0;
    await expect.poll(() => asked).toBeGreaterThan(2);
    let before = -1;
    await expect
      .poll(
        () => {
          const still = asked === before;
          before = asked;
          return still;
        },
        { interval: 3_000 },
      )
      .toBe(true);
    const text = await response.text().catch(() => "cut");
    expect(text).not.toContain("event: end");
  });

  it("ends cleanly when the API does", async () => {
    const other = await startTestApi(redisUrl(), ENV);
    try {
      // As browsers do: a connection that no request has come over must not keep the API.
      connect(Number(new URL(other.url).port), "127.0.0.1").on("error", () => undefined);
      const made = await other.create({ backend: "process" });
      const follower = await follow(`/workspaces/${made.id}/logs?follow=true`, {}, other);
      await other.close();
      await expect.poll(() => follower.seen.ended, SOON).toBe(true);
      expect(follower.events().at(-1)).toMatchObject({ event: "end", data: { reason: "shutdown" } });
    } catch (error) {
      await other.close().catch(() => undefined);
      throw error;
    }
  });
});

it("without a worker the wait is bounded and the answer says so; without Redis it is at once", async () => {
  const api = await startTestApi("redis://127.0.0.1:1", { BERTH_BACKENDS: "process" });
  try {
    const { id } = await api.create({ backend: "process" });
    await api.pool.query(
      `insert into resources (id, workspace_id, kind, backend, name, client_token, generation)
       values (gen_random_uuid(), $1, 'instance', 'process', $2, 't', 1)`,
      [id, `ws-${id}`],
    );
    expect(await api.call("GET", `/workspaces/${id}/logs`, { headers: { prefer: "wait=1" } })).toMatchObject({
      status: 503,
      body: { code: "queues_unavailable" },
    });
  } finally {
    await api.close();
  }
});

it("a worker that doesn't come is waited for as long as the caller prefers", async () => {
  const api = await startTestApi(inject("redis").url, { BERTH_BACKENDS: "process" });
  try {
    const { id } = await api.create({ backend: "process" });
    await api.pool.query(
      `insert into resources (id, workspace_id, kind, backend, name, client_token, generation)
       values (gen_random_uuid(), $1, 'instance', 'process', $2, 't', 1)`,
      [id, `ws-${id}`],
    );
    const began = performance.now();
    const answer = await api.call("GET", `/workspaces/${id}/logs`, { headers: { prefer: "wait=1" } });
    expect(answer).toMatchObject({ status: 503, body: { code: "no_worker" } });
    // Without its wish that would be 10 s.
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(await api.queues.logsOf("process").getJobs(["waiting", "active"])).toEqual([]);
  } finally {
    await api.close();
  }
});
