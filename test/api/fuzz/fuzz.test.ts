import { describe, expect, it } from "vitest";
import { fuzz } from "./fuzz.js";
import { fuzzStage } from "./stage.js";
import { send } from "./send.js";

const REQUESTS = 1_000;

const stage = fuzzStage();

describe("the API under fuzz", () => {
  it(
    `answers ${REQUESTS} requests made from its own description without a 5xx, a leak, or a change by what it refuses`,
    { timeout: 120_000 },
    async () => {
      expect((await fuzz(stage.api, stage.agent, REQUESTS)).faults).toEqual({});
    },
  );
});

describe("hostile requests", () => {
  const json = { "content-type": "application/json" };
  const post = (body: Buffer, headers: Record<string, string> = {}) =>
    send(stage.api, stage.agent, {
      operationId: "",
      method: "POST",
      path: "/workspaces",
      headers: { ...json, ...headers },
      body,
    });

  it("of 10 MB are refused by their size, without being read to the end", async () => {
    const body = Buffer.alloc(10 * 2 ** 20, "x");
    const answer = await post(body).catch((error: NodeJS.ErrnoException) => error.code);
    // The server may close before all of it was sent.
    if (typeof answer !== "string") expect(answer).toMatchObject({ status: 413 });
    else expect(["EPIPE", "ECONNRESET"]).toContain(answer);
  });

  it("of many small keys or of deep nesting are answered as fast as others", async () => {
    const keys = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, index]));
    const bodies = [
      JSON.stringify(keys),
      JSON.stringify({ name: "w", spec: { command: ["x"], env: keys } }),
      `{"name":"w","labels":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`,
      `{"name":"w","spec":{"command":[${'"x",'.repeat(200_000)}"x"]}}`,
    ];
    for (const body of bodies) expect((await post(Buffer.from(body))).status).toBe(413);
    const inside = JSON.stringify({
      name: "w",
      spec: { command: ["x"], env: Object.fromEntries(Object.entries(keys).slice(0, 15_000)) },
    });
    expect((await post(Buffer.from(inside))).status).toBe(400);
    expect((await stage.api.call("GET", "/health")).status).toBe(200);
  });

  it("can't reach what isn't theirs by a path", async () => {
    for (const path of [
      "/../../etc/passwd",
      "/docs/static/../../../../package.json",
      "/docs/static/%2e%2e/%2e%2e/x",
    ]) {
      const answer = await send(stage.api, stage.agent, {
        operationId: "",
        method: "GET",
        path,
        headers: {},
        body: null,
      });
      expect([400, 404], path).toContain(answer.status);
      expect(answer.text).not.toMatch(/root:|dependencies/);
    }
  });

  it("don't change what an object is made of", async () => {
    for (const text of ['{"__proto__":{"scope":"admin"}}', '{"name":"w","labels":{"__proto__":"x"}}'])
      expect((await post(Buffer.from(text))).status).toBe(400);
    expect(({} as Record<string, unknown>)["scope"]).toBeUndefined();
  });
});
