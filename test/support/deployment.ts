import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startSimulator, type RunningSimulator } from "berth-ec2-simulator/server";
import { expect, inject, onTestFinished } from "vitest";
import { IMAGE, QUICK_DELAYS, REGION } from "../compute/ec2/harness.js";
import { startProcess, type TestProcess } from "./worker-process.js";

/** The sources of this checkout. */
export const HERE = fileURLToPath(new URL("../..", import.meta.url));
const ADMIN_KEY = "test-admin-key-0123456789";

export interface Api {
  url: string;
  process: TestProcess;
}

export interface Body {
  id: string;
  status: string;
  generation: number;
  instance_id: string | null;
  operation: { id: string; state: string; takeovers: number };
}

/** APIs and workers of one deployment, each a process of its own, of any checkout. All end with the test. */
export interface Deployment {
  simulator: RunningSimulator;
  /** What the process backend keeps is below it. */
  directory: string;
  startApi(root: string): Promise<Api>;
  /** Resolves when it takes work. The simulator's log has `name` as the key of its calls. */
  startWorker(root: string, name: string, env?: Readonly<Record<string, string>>): Promise<TestProcess>;
  start(root: string, app: "api" | "worker", env?: Readonly<Record<string, string>>): TestProcess;
}

/** In ms. Only settings that the old version of the upgrade test knows too: an unknown one is refused. */
const SETTINGS = {
  NODE_ENV: "test",
  BERTH_ADMIN_KEY: ADMIN_KEY,
  BERTH_SECRET: "test-secret-0123456789-0123456789-0123456789",
  BERTH_BACKENDS: "process,ec2",
  BERTH_EC2_IMAGE: IMAGE,
  BERTH_EC2_SETTLE_MS: "400",
  BERTH_STOP_GRACE_MS: "500",
  BERTH_SHUTDOWN_GRACE_MS: "5000",
  BERTH_SWEEP_DISPATCH_EVERY_MS: "1000",
  BERTH_RETRY_DELAY_MS: "100",
  BERTH_STALLED_EVERY_MS: "1000",
  BERTH_LEASE_MS: "3000",
  BERTH_LOCK_MS: "2000",
  // A busy machine is no reason to refuse what a test asks for.
  BERTH_OVERLOAD_LOOP_DELAY_MS: "0",
  BERTH_OVERLOAD_POOL_WAIT_MS: "8000",
  LOG_LEVEL: "info",
  AWS_REGION: REGION,
  AWS_SECRET_ACCESS_KEY: "s3cr3t-of-the-test-account",
  AWS_EC2_METADATA_DISABLED: "true",
};

/** @param databaseUrl asked at each start, since a database may be restored elsewhere */
export async function openDeployment(
  databaseUrl: () => string,
  env: Readonly<Record<string, string>> = {},
): Promise<Deployment> {
  const directory = await mkdtemp(join(tmpdir(), "deployment-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const simulator = await startSimulator({ delays: QUICK_DELAYS });
  onTestFinished(() => simulator.close());
  const prefix = `{deployment-${randomBytes(4).toString("hex")}}`;

  const start: Deployment["start"] = (root, app, extra) => {
    const process = startProcess(pathToFileURL(join(root, "apps", app, "src/main.ts")), {
      ...SETTINGS,
      DATABASE_URL: databaseUrl(),
      REDIS_URL: inject("redis").url,
      BERTH_QUEUE_PREFIX: prefix,
      BERTH_DATA_DIR: directory,
      AWS_ACCESS_KEY_ID: app,
      AWS_ENDPOINT_URL_EC2: simulator.url,
      ...env,
      ...extra,
    });
    onTestFinished(() => process[Symbol.asyncDispose]());
    return process;
  };
  return {
    simulator,
    directory,
    start,
    async startApi(root) {
      const process = start(root, "api", { HOST: "127.0.0.1", PORT: "0" });
      const [url] = await process.said(/http:\/\/127\.0\.0\.1:\d+/);
      const ready = () =>
        fetch(`${url}/ready`).then(
          async (a) => (a.ok ? 200 : `${a.status} ${await a.text()}`),
          () => process.output(),
        );
      await expect.poll(ready).toBe(200);
      return { url, process };
    },
    async startWorker(root, name, extra) {
      const worker = start(root, "worker", { AWS_ACCESS_KEY_ID: name, ...extra });
      await worker.said(/worker started/);
      return worker;
    },
  };
}

/** Asks, and with a change waits for its operation. @throws if it is refused, or the operation didn't succeed */
export async function call<Answer = Body>(
  api: Api,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  const { status, text } = await send(api, method, path, body);
  expect(status, `${method} ${path}: ${status} ${text}`).toBeLessThan(300);
  return JSON.parse(text) as Answer;
}

/** As {@link call}, whatever the answer is. */
export async function send(
  api: Api,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const response = await fetch(api.url + path, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      prefer: "wait=40",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** A workspace that is online as soon as its instance runs. */
export function create(api: Api, backend: "process" | "ec2", name: string): Promise<Body> {
  const spec = { readiness: "running", ...(backend === "process" && { command: ["sleep", "1000"] }) };
  return call(api, "POST", "/workspaces", { name, backend, spec });
}

/** SIGTERM, after which it must end in peace. */
export async function ends(process: TestProcess): Promise<void> {
  process.term();
  expect(await process.exited, process.output()).toMatchObject({ code: 0 });
}
