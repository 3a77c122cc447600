import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { measured } from "@berth/core/compute/decorate";
import { exportTraces } from "@berth/core/base/trace-export";
import { readConfig } from "@berth/core/config/config";
import { createLogger } from "@berth/core/base/logger";
import { startWorker } from "@berth/worker/start";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { startTestApi, type TestApi } from "../api/api.js";
import { fleetEnvironment } from "../support/fleet.js";
import { createRecordedBackend } from "../support/recorded-backend.js";
import { ended } from "../support/wait.js";

interface Sent {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: { key: string; value: { stringValue?: string } }[];
}

const CALLER_SPAN = "00f067aa0ba902b7";
const WISH = { name: "traced", backend: "process", spec: { command: ["true"], readiness: "running" } };
const WEBHOOKS = { BERTH_WEBHOOKS_ALLOW: "127.0.0.1", BERTH_WEBHOOKS_SCHEMES: "http,https" };

/** A collector: it keeps each span that is sent to it as OTLP in JSON. */
async function startCollector() {
  const spans: Sent[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += String(chunk)));
    request.on("end", () => {
      for (const { scopeSpans } of JSON.parse(text).resourceSpans)
        for (const scope of scopeSpans) spans.push(...scope.spans);
      response.setHeader("content-type", "application/json").end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { spans, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

let collector: Awaited<ReturnType<typeof startCollector>>;
let end: () => Promise<void>;
beforeAll(async () => {
  collector = await startCollector();
  // Once for the process, as its tracer is.
  end = await exportTraces({ otlpEndpoint: collector.url, otlpServiceName: null }, "berth");
});
afterAll(async () => {
  await end();
  collector.server.close();
});

describe.each([
  { store: "postgres", trace: "4bf92f3577b34da6a3ce929d0e0e4736" },
  { store: "redis", trace: "4bf92f3577b34da6a3ce929d0e0e4737" },
])("traces, with the queues on $store", ({ store, trace }) => {
  let api: TestApi;
  let close: () => Promise<void>;
  const headers = { traceparent: `00-${trace}-${CALLER_SPAN}-01` };
  beforeAll(async () => {
    const redisUrl = store === "redis" ? inject("redis").url : null;
    const extra = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, BERTH_BACKENDS: "process", ...WEBHOOKS };
    api = await startTestApi(redisUrl, extra);
    const backend = await createRecordedBackend(api.pool);
    const worker = startWorker({
      config: readConfig("worker", fleetEnvironment(api.databaseUrl, redisUrl, extra)),
      pool: api.pool,
      queues: api.queues,
      backends: new Map([["process", measured(backend, () => undefined)]]),
      logger: createLogger({ logLevel: "silent" }, "test"),
    });
    close = async () => {
      await worker.close();
      await api.close();
    };
  });
  afterAll(() => close?.());

  it("lead from the caller's span over the request and the job to each step and call of the provider", async () => {
    const { body } = await api.call("POST", "/workspaces", {
      body: WISH,
      headers,
    });
    const mine = () => collector.spans.filter(({ traceId }) => traceId === trace);
    await expect.poll(() => mine().some(({ name }) => name === "operation provision")).toBe(true);
    const named = (name: string): Sent => mine().find((span) => span.name === name)!;
    const upFrom = (span: Sent): string[] => {
      const parent = mine().find(({ spanId }) => spanId === span.parentSpanId);
      return parent === undefined ? [span.name] : [span.name, ...upFrom(parent)];
    };
    expect(named("POST /workspaces").parentSpanId).toBe(CALLER_SPAN);
    const way = upFrom(named("provider launch"));
    expect(way[0]).toBe("provider launch");
    expect(way[1]).toMatch(/^step /);
    expect(way[2]).toBe("operation provision");
    expect(way.at(-1)).toBe("POST /workspaces");
    expect(named("operation provision").attributes).toContainEqual({
      key: "berth.operation.id",
      value: { stringValue: body.operation.id },
    });
  });

  it("have their id on the operation that they accepted, its events and what webhooks are told", async () => {
    // Nothing listens there: what is to be sent is there to be read.
    const { body: webhook } = await api.call("POST", "/webhooks", { body: { url: "http://127.0.0.1:9/" } });
    const { body } = await api.call("POST", "/workspaces", { body: WISH, headers });
    const { id, operation } = body;
    expect(operation.trace_id).toBe(trace);
    await ended(api.pool, [operation.id]);
    const shown = await api.call("GET", `/operations/${operation.id}`);
    expect([shown.body.state, shown.body.trace_id]).toEqual(["succeeded", trace]);
    const { body: events } = await api.call("GET", `/events/${id}`);
    expect(events.map((one: { trace_id: string }) => one.trace_id)).toEqual(Array(4).fill(trace));
    const deliveries = await vi.waitFor(async () => {
      const { body: planned } = await api.call("GET", `/webhooks/${webhook.id}/deliveries`);
      expect(planned.length).toBeGreaterThanOrEqual(2);
      return planned;
    });
    expect(deliveries[0].data).toMatchObject({ operation_id: operation.id, trace_id: trace });
  });

  it("of equal restarts at once are each its own, and the operation has the first one's", async () => {
    const { body } = await api.call("POST", "/workspaces", { body: WISH });
    await ended(api.pool, [body.operation.id]);
    const others = ["a", "b", "c", "d"].map((last) => trace.slice(0, -1) + last);
    const asked = others.map((other) =>
      api.call("POST", `/workspaces/${body.id}/restart`, {
        headers: { traceparent: `00-${other}-${CALLER_SPAN}-01` },
      }),
    );
    for (const { body: answer } of await Promise.all(asked))
      expect(others).toContain(answer.operation.trace_id);
  });

  it("have their id in problems", async () => {
    const { status, body } = await api.call("GET", "/workspaces/0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f", {
      headers,
    });
    expect([status, body.trace_id]).toEqual([404, trace]);
  });
});
