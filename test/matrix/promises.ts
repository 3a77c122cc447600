import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClient, type Client } from "@berth/client";
import { expect, onTestFinished } from "vitest";
import { ended } from "./installed.js";
import type { Ground } from "./rows.js";

const APPS = fileURLToPath(new URL("../../apps", import.meta.url));
const KEY = "matrix-admin-key-0123456789";
const COMMAND = ["sh", "-c", "echo hello from $BERTH_WORKSPACE_ID; exec sleep 3600"];
/** How long a caller asks to wait, in s. */
const WAIT_S = 40;
/** Requests that come at once. */
const STORM = 20;

const SETTINGS = {
  NODE_ENV: "test",
  BERTH_ADMIN_KEY: KEY,
  BERTH_SECRET: "test-secret-0123456789-0123456789-0123456789",
  BERTH_BACKENDS: "process",
  BERTH_STOP_GRACE_MS: "500",
  BERTH_SHUTDOWN_GRACE_MS: "5000",
  BERTH_LEASE_MS: "3000",
  BERTH_LOCK_MS: "2000",
  BERTH_STALLED_EVERY_MS: "1000",
  BERTH_RETRY_DELAY_MS: "200",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "1000",
  BERTH_RESTART_DEBOUNCE_MS: "0",
  BERTH_OVERLOAD_LOOP_DELAY_MS: "0",
  BERTH_OVERLOAD_POOL_WAIT_MS: "8000",
  LOG_LEVEL: "warn",
};

interface Fleet {
  client: Client;
  startWorker(): Promise<ChildProcess>;
  /** SIGTERM to all: each must end with 0. */
  end(): Promise<void>;
}

/** The API and workers of what is shipped, each a process of its own, on this ground. */
async function startFleet({ env, node = process.execPath }: Ground): Promise<Fleet> {
  const directory = await mkdtemp(join(tmpdir(), "matrix-fleet-"));
  const children: ChildProcess[] = [];
  onTestFinished(async () => {
    await Promise.all(children.map((child) => ended(child, "SIGKILL")));
    await rm(directory, { recursive: true, force: true });
  });
  const prefix = `{matrix-${randomBytes(4).toString("hex")}}`;
  const start = (app: string, wanted: RegExp, more: Record<string, string> = {}) => {
    const child = spawn(node, [join(APPS, app, "dist/main.js")], {
      env: {
        PATH: process.env["PATH"] ?? "",
        TMPDIR: process.env["TMPDIR"] ?? "/tmp",
        ...SETTINGS,
        BERTH_QUEUE_PREFIX: prefix,
        BERTH_DATA_DIR: directory,
        ...env,
        ...more,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    let text = "";
    return new Promise<{ child: ChildProcess; said: RegExpExecArray }>((resolve, reject) => {
      const hear = (chunk: unknown): void => {
        text += String(chunk);
        const said = wanted.exec(text);
        if (said !== null) resolve({ child, said });
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("exit", (code) => reject(new Error(`${app} ended with ${code}: ${text}`)));
    });
  };
  const api = await start("api", /http:\/\/127\.0\.0\.1:\d+/, {
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_LEVEL: "info",
  });
  const client = createClient({
    url: api.said[0],
    key: KEY,
    timeoutMs: 60_000,
    retry: { tries: 40, totalMs: 60_000 },
  });
  return {
    client,
    startWorker: async () => (await start("worker", /worker started/, { LOG_LEVEL: "info" })).child,
    async end() {
      const alive = children.filter((child) => child.exitCode === null && child.signalCode === null);
      await Promise.all(alive.map((child) => ended(child, "SIGTERM")));
      for (const child of alive)
        expect({ code: child.exitCode, signal: child.signalCode }).toEqual({ code: 0, signal: null });
    },
  };
}

/** What Berth promises, on one ground, with what happens to it in the middle of the work. @returns remarks */
export async function expectPromises(ground: Ground): Promise<string[]> {
  const fleet = await startFleet(ground);
  const { client } = fleet;
  const [first] = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
  const events = client.events({ after: 0 });

  const create = async (name: string, parent_id: string | null = null) => {
    const spec = { command: COMMAND, readiness: "running" as const, ...ground.spec };
    const backend = (ground.env["BERTH_BACKENDS"] ?? "process") as "process";
    const { data } = await client.POST("/workspaces", { body: { name, parent_id, backend, spec } as never });
    return data as { id: string; operation: { id: string } };
  };
  const online = (one: { id: string }) => client.waitFor(one, "online", { timeoutMs: 60_000 } as never);
  const restart = async ({ id }: { id: string }) => {
    const { data } = await client.POST("/workspaces/{id}/restart", { params: { path: { id } } } as never);
    return (data as { operation: { id: string } }).operation.id;
  };
  const succeeded = async (ids: readonly string[]) => {
    for (const id of new Set(ids)) {
      const operation = await client.waitForOperation(id, { timeoutMs: 90_000 } as never);
      expect(operation.state, JSON.stringify(operation)).toBe("succeeded");
    }
  };

  // Create, with children; a storm of restarts of one, which coalesce.
  const parent = await create("parent");
  await online(parent);
  const children = await Promise.all(["a", "b"].map((name) => create(name, parent.id)));
  await Promise.all(children.map(online));
  await succeeded(await Promise.all(Array.from({ length: STORM }, () => restart(parent))));
  const { generation } = await online(parent);
  expect(generation).toBeLessThanOrEqual(1 + STORM / 4);

  // Who waits is answered when it has ended, and not when the wait is over.
  const begun = performance.now();
  const waited = await client.POST("/workspaces/{id}/restart", {
    params: { path: { id: parent.id }, header: { prefer: `wait=${WAIT_S}` } },
  } as never);
  expect((waited.response as Response).status).toBe(200);
  expect(performance.now() - begun).toBeLessThan((WAIT_S * 1_000) / 2);

  // A worker dies in the middle of restarts, and another goes on; then what this row does to its ground.
  const all = [parent, ...children];
  const struck = await Promise.all(all.map(restart));
  await ended(first, "SIGKILL");
  await fleet.startWorker();
  await succeeded(struck);
  if (ground.strike !== undefined) {
    const meanwhile = await Promise.all(all.map(restart));
    await ground.strike.act();
    await succeeded([...meanwhile, ...(await Promise.all(all.map(restart)))]);
  }

  // A program that dies is started again by itself.
  const before = await online(children[0]!);
  await crash(ground, String(before.instance_id));
  await expect
    .poll(async () => (await online(children[0]!)).generation, { timeout: 60_000, interval: 500 })
    .toBeGreaterThan(before.generation);

  // A stream has it all in order; logs are there.
  let last = 0;
  for await (const event of events) {
    expect(event.id).toBeGreaterThan(last);
    last = event.id;
    if (event.event_type === "workspace.online" && event.workspace_id === children[1]!.id) break;
  }
  await expect
    .poll(async () => {
      const messages = [];
      for await (const message of client.logs(parent)) messages.push(message);
      return JSON.stringify(messages);
    })
    .toContain(`hello from ${parent.id}`);

  // All of it goes, and nothing is left.
  await client.DELETE("/workspaces/{id}", {
    params: { path: { id: parent.id }, query: { cascade: true } },
  } as never);
  for (const one of all) await client.waitFor(one, "removed", { timeoutMs: 60_000 } as never);
  await expect.poll(async () => (await client.GET("/leaks", {} as never)).data).toEqual([]);
  await fleet.end();
  return ["a worker killed by SIGKILL", ...(ground.strike === undefined ? [] : [ground.strike.what])];
}

/** Ends what runs, behind Berth's back. @param instanceId `pid@start` of a process, or a container's id */
async function crash({ env }: Ground, instanceId: string): Promise<void> {
  const host = env["DOCKER_HOST"];
  if (host === undefined) process.kill(Number(instanceId.split("@")[0]), "SIGKILL");
  else await promisify(execFile)("docker", ["-H", host, "kill", instanceId]);
}
