import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fleetEnvironment } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { programOf } from "../support/programs.js";
import { KEY, PROCESS_SPEC } from "./api.js";

const MAIN = fileURLToPath(new URL("../../apps/api/src/main.ts", import.meta.url));

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

function start(env: Record<string, string>): { child: ChildProcess; output: { out: string; err: string } } {
  const { execArgv, file } = programOf(MAIN);
  const child = spawn(process.execPath, [...execArgv, file], {
    env: { PATH: process.env["PATH"]!, TMPDIR: process.env["TMPDIR"] ?? "/tmp", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { out: "", err: "" };
  child.stdout!.setEncoding("utf8").on("data", (chunk: string) => (output.out += chunk));
  child.stderr!.setEncoding("utf8").on("data", (chunk: string) => (output.err += chunk));
  return { child, output };
}
const environment = (extra: Record<string, string> = {}) =>
  fleetEnvironment(database.url, null, {
    PORT: "0",
    HOST: "127.0.0.1",
    LOG_LEVEL: "info",
    BERTH_ADMIN_KEY: KEY,
    ...extra,
  });
const urlIn = (output: { out: string }) =>
  vi.waitFor(
    () => {
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output.out)?.[0];
      if (url === undefined) throw new Error(`not listening: ${JSON.stringify(output)}`);
      return url;
    },
    { interval: 25 },
  );

describe("the API's process", () => {
  it("serves, and on SIGTERM answers who waits and exits 0; its log has the request's id and no key", async () => {
    const { child, output } = start(environment());
    const url = await urlIn(output);
    const headers = {
      authorization: `Bearer ${KEY}`,
      "content-type": "application/json",
      "x-request-id": "my-id",
    };
    const body = JSON.stringify({ name: "w", spec: PROCESS_SPEC });
    const waiting = fetch(`${url}/workspaces`, {
      method: "POST",
      headers: { ...headers, prefer: "wait=100" },
      body,
    });
    await vi.waitFor(async () => {
      const list = (await (await fetch(`${url}/workspaces`, { headers })).json()) as unknown[];
      expect(list).toHaveLength(1);
    });
    child.kill("SIGTERM");
    expect((await waiting).status).toBe(202);
    const [code] = await once(child, "exit");
    expect({ code, err: output.err }).toEqual({ code: 0, err: "" });
    expect(output.out).toContain('"request_id":"my-id"');
    expect(output.out).not.toContain(KEY);
  });

  it("on a second SIGTERM ends at once", async () => {
    const { child, output } = start(environment());
    const url = await urlIn(output);
    // A request that never ends keeps the first from being enough.
    const held = fetch(`${url}/workspaces`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("{")) }),
      duplex: "half",
    }).catch(() => undefined);
    await vi.waitFor(() => expect(output.out).toContain("incoming request"));
    child.kill("SIGTERM");
    await vi.waitFor(async () => expect(await fetch(`${url}/health`).catch(() => null)).toBeNull());
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    expect(code).toBe(130);
    await held;
  });

  it.each([
    ["a missing key", { BERTH_ADMIN_KEY: "" }, /^berth-api: BERTH_ADMIN_KEY is missing.*\n$/],
    [
      "no admin key in production",
      { NODE_ENV: "production", BERTH_ADMIN_KEY: "" },
      /^berth-api: .*BERTH_ADMIN_KEY is missing.*\n$/,
    ],
    [
      "an example's key in production",
      { NODE_ENV: "production", BERTH_ADMIN_KEY: "change-me-change-me" },
      /^berth-api: .*BERTH_ADMIN_KEY: is an example.*\n$/,
    ],
    [
      "a key in production that is one letter, many times",
      { NODE_ENV: "production", BERTH_ADMIN_KEY: "a".repeat(32) },
      /^berth-api: .*BERTH_ADMIN_KEY: is an example.*\n$/,
    ],
    [
      "a database that isn't there",
      { DATABASE_URL: "postgres://berth:hunter2@127.0.0.1:1/berth" },
      /^berth-api: DATABASE_URL: 127\.0\.0\.1:1 can't be used \(.*ECONNREFUSED.*\)\n$/,
    ],
    [
      "an address that isn't here",
      { HOST: "203.0.113.1" },
      /^berth-api: 203\.0\.113\.1 port 0 is not an address.*HOST.*\n$/,
    ],
  ])("that can't start for %s says so in one line and exits 1", async (_, extra, line) => {
    const { child, output } = start(environment(extra));
    const [code] = await once(child, "exit");
    expect(output.err).toMatch(line);
    expect(output.err).not.toContain("hunter2");
    expect(code).toBe(1);
  });

  it("that finds its port in use says so in one line and exits 1", async () => {
    const taken = createServer();
    await once(taken.listen(0, "127.0.0.1"), "listening");
    const { port } = taken.address() as { port: number };
    const { child, output } = start(environment({ PORT: String(port) }));
    const [code] = await once(child, "exit");
    taken.close();
    expect(output.err).toBe(`berth-api: 127.0.0.1 port ${port} is in use: set PORT to another\n`);
    expect(code).toBe(1);
  });
});
