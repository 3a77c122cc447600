import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL, fileURLToPath } from "node:url";
import { freePort } from "@berth/standalone/postgres/free-port";
import { expect, inject, onTestFinished, test } from "vitest";
import { hasCommit, oldCheckout } from "../support/old-checkout.js";
import { startPostgres } from "../support/postgres.js";
import { startProcess, type TestProcess } from "../support/worker-process.js";

/** The last one before migration 0009: without bulk operations, quotas, webhooks and memory. */
const OLD = "7a7076f6713ae155cb8797dbc0d275ebc8e305e9";
const NEW = fileURLToPath(new URL("../..", import.meta.url));
interface Api {
  url: string;
  process: TestProcess;
}

interface Body {
  id: string;
  status: string;
  operation: { id: string; state: string } | null;
}

const KEY = "test-admin-key-0123456789";

async function call(api: Api, method: string, path: string, body?: object): Promise<Body> {
  const response = await fetch(api.url + path, {
    method,
    headers: {
      authorization: `Bearer ${KEY}`,
      prefer: "wait=30",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.ok, `${method} ${path}: ${response.status} ${text}`).toBe(true);
  return JSON.parse(text) as Body;
}

const create = (api: Api, name: string) =>
  call(api, "POST", "/workspaces", {
    name,
    backend: "process",
    spec: { command: ["sleep", "1000"], readiness: "running" },
  });
const restart = (api: Api, { id }: Body) => call(api, "POST", `/workspaces/${id}/restart`);

test.runIf(await hasCommit(OLD))(
  "an old and a new version, side by side, each carry out what the other has accepted (I6, I7)",
  async () => {
    const checkout = await oldCheckout(OLD);
    const directory = await mkdtemp(join(tmpdir(), "upgrade-"));
    onTestFinished(async () => {
      for (const made of [directory, checkout]) await rm(made, { recursive: true, force: true });
    });
    const postgres = await startPostgres();
    onTestFinished(() => postgres[Symbol.asyncDispose]());
    const environment = (extra: Record<string, string>) => ({
      // Only settings that both know: an unknown one is refused.
      NODE_ENV: "test",
      DATABASE_URL: postgres.url,
      REDIS_URL: inject("redis").url,
      BERTH_ADMIN_KEY: KEY,
      BERTH_SECRET: "test-secret-0123456789-0123456789-0123456789",
      BERTH_BACKENDS: "process",
      BERTH_STOP_GRACE_MS: "500",
      BERTH_SHUTDOWN_GRACE_MS: "5000",
      BERTH_QUEUE_PREFIX: `{upgrade-${prefix}}`,
      BERTH_DATA_DIR: directory,
      LOG_LEVEL: "warn",
      ...extra,
    });
    const prefix = randomBytes(4).toString("hex");
    const start = (root: string, app: "api" | "worker", extra: Record<string, string> = {}) => {
      const main = pathToFileURL(join(root, "apps", app, "src/main.ts"));
      const process = startProcess(main, environment(extra));
      onTestFinished(() => process[Symbol.asyncDispose]());
      return process;
    };
    const startApi = async (root: string): Promise<Api> => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const process = start(root, "api", { PORT: String(port) });
      const ready = () =>
        fetch(`${url}/ready`).then(
          ({ status }) => status,
          () => process.output(),
        );
      await expect.poll(ready, { timeout: 40_000 }).toBe(200);
      return { url, process };
    };
    const ends = async (process: TestProcess): Promise<void> => {
      process.term();
      expect(await process.exited, process.output()).toMatchObject({ code: 0 });
    };
    const serves = async (api: Api, workspace: Body, status: string): Promise<void> => {
      await expect
        .poll(() => call(api, "GET", `/workspaces/${workspace.id}`), { timeout: 30_000 })
        .toMatchObject({ status });
    };

    const oldApi = await startApi(checkout);
    const oldWorker = start(checkout, "worker");
    const first = await create(oldApi, "first");
    await serves(oldApi, first, "online");

    // The new API migrates under the old one and its worker, which go on.
    const newApi = await startApi(NEW);
    expect(await restart(newApi, first), "accepted by the new one, done by the old one").toMatchObject({
      operation: { state: "succeeded" },
    });
    const second = await create(newApi, "second");
    await serves(oldApi, second, "online");
    await call(newApi, "POST", `/workspaces/${second.id}/pause`);
    await serves(oldApi, second, "paused");

    const newWorker = start(NEW, "worker");
    const both = await Promise.all(
      Array.from({ length: 6 }, async (_, n) => {
        const [asked, other] = n % 2 === 0 ? [oldApi, newApi] : [newApi, oldApi];
        const made = await create(asked, `both-${n}`);
        await restart(other, made);
        return made;
      }),
    );
    for (const one of both) await serves(newApi, one, "online");

    await ends(oldWorker);
    expect(await restart(oldApi, first), "accepted by the old one, done by the new one").toMatchObject({
      operation: { state: "succeeded" },
    });
    await call(oldApi, "POST", `/workspaces/${second.id}/resume`);
    await serves(newApi, second, "online");
    await ends(oldApi.process);

    const late = start(checkout, "worker");
    expect((await late.exited).code, "an old one isn't started any more").not.toBe(0);
    expect(late.output()).toMatch(/the database is at schema \d+, this Berth knows 8/);

    for (const one of [first, second, ...both])
      expect(await call(newApi, "DELETE", `/workspaces/${one.id}`)).toMatchObject({ status: "removed" });
    await expect.poll(() => call(newApi, "GET", "/leaks"), { timeout: 20_000 }).toEqual([]);
    await ends(newWorker);
    await ends(newApi.process);
  },
  180_000,
);

test("a checkout without the old version is told from one that has it", async () => {
  expect(await hasCommit("0".repeat(40))).toBe(false);
});
