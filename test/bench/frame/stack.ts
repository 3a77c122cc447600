import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { cpuOf } from "../peers/cpu.js";
import type { Bed } from "./bed.js";
import { call, type Answer, type Asking } from "./http.js";

const HERE = fileURLToPath(new URL("../../..", import.meta.url));
export const ADMIN_KEY = "bench-admin-key-0123456789";
const FROM_SOURCE = [
  "--import",
  import.meta.resolve("tsx"),
  "--conditions=source",
  "--import",
  new URL("lift-rates.ts", import.meta.url).href,
];
const STEPS = [
  "pending",
  "stopping",
  "shuttingDown",
  "creatingVolume",
  "deletingVolume",
  "attaching",
  "detaching",
];
/** A simulated EC2 that takes no time for anything. */
const SIMULATOR = [
  join(HERE, "packages/ec2-simulator/dist/main.js"),
  "--port=0",
  ...STEPS.flatMap((name) => ["--delay", `${name}=0`]),
];
export const URL_SAID = /http:\/\/127\.0\.0\.1:\d+/;
/** Only such as Berth before knows too: an unknown one is refused. */
const SETTINGS = {
  BERTH_ADMIN_KEY: ADMIN_KEY,
  BERTH_SECRET: "bench-secret-0123456789-0123456789-0123456789",
  BERTH_CONCURRENCY: "50",
  BERTH_LIMIT_READS_PER_S: "0",
  BERTH_LIMIT_WRITES_PER_S: "0",
  HOST: "127.0.0.1",
  PORT: "0",
  LOG_LEVEL: "info",
};

/** A whole Berth of separate processes on a database of its own. */
export interface Stack {
  urls: readonly string[];
  pool: pg.Pool;
  databaseUrl: string;
  /** Of the first API. */
  call(method: string, path: string, asking?: Partial<Asking>): Promise<Answer>;
  /** CPU in ms so far. */
  cpu(): { api: number; worker: number; postgres: number; redis: number };
  pids: { api: readonly number[]; worker: readonly number[] };
  simulatorUrl: string | null;
  /** Resolves when nothing is queued or runs. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export interface StackOptions {
  backends: string;
  /** Where another checkout is: then, and with `lifted`, the sources run. */
  root?: string;
  /** From the sources, without AWS's rates in the worker. */
  lifted?: boolean;
  apis?: number;
  workers?: number;
  withRedis?: boolean;
  env?: Readonly<Record<string, string>>;
}

export async function openStack(bed: Bed, options: StackOptions): Promise<Stack> {
  const { backends, root = HERE, lifted = root !== HERE, apis = 1, workers = 1, withRedis = true } = options;
  const children: ChildProcess[] = [];
  const run = async (args: readonly string[], env: object, ready: RegExp): Promise<string> => {
    const child = spawn(process.execPath, args, {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    return said(child, ready);
  };
  // The simulator, which is first, ends last.
  const close = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
  };
  try {
    const databaseUrl = await bed.fresh();
    const simulatorUrl = backends.includes("ec2") ? await run(SIMULATOR, {}, URL_SAID) : null;
    const env = {
      DATABASE_URL: databaseUrl,
      ...(withRedis ? { REDIS_URL: bed.redisUrl } : {}),
      BERTH_DATA_DIR: await bed.directory(),
      BERTH_QUEUE_PREFIX: `{bench-${randomUUID()}}`,
      BERTH_BACKENDS: backends,
      ...SETTINGS,
      ...(simulatorUrl === null ? {} : ec2Environment(simulatorUrl)),
      ...options.env,
    };
    const start = (app: "api" | "worker", ready: RegExp): Promise<string> =>
      lifted
        ? run([...FROM_SOURCE, join(root, "apps", app, "src/main.ts")], env, ready)
        : run([join(root, "apps", app, "dist/main.js")], env, ready);
    const [urls, api, worker]: [string[], number[], number[]] = [[], [], []];
    for (let n = 0; n < apis; n++) {
      urls.push(await start("api", URL_SAID));
      api.push(children.at(-1)!.pid!);
    }
    for (let n = 0; n < workers; n++) {
      await start("worker", /worker started/);
      worker.push(children.at(-1)!.pid!);
    }
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
    const sum = (pids: readonly number[]): number => pids.reduce((all, pid) => all + cpuOf(pid), 0);
    return {
      urls,
      pool,
      databaseUrl,
      simulatorUrl,
      pids: { api, worker },
      call: (method, path, asking = {}) => call(urls[0]!, method, path, { token: ADMIN_KEY, ...asking }),
      cpu: () => ({ api: sum(api), worker: sum(worker), ...bed.cpu() }),
      idle: () => idle(pool),
      async close() {
        await close();
        await pool.end();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What of its output matches first; the rest is thrown away. @throws if it ends before */
export async function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const match = pattern.exec(line);
    if (match === null) continue;
    child.stdout!.resume();
    return match[0];
  }
  throw new Error(`${child.spawnargs.at(-1)} ended before it said ${pattern}`);
}

function ec2Environment(url: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_EC2: url,
    AWS_ENDPOINT_URL_ROUTE_53: url,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "bench",
    AWS_SECRET_ACCESS_KEY: "bench",
    AWS_EC2_METADATA_DISABLED: "true",
    BERTH_EC2_IMAGE: "ami-0123456789abcdef0",
    BERTH_EC2_INSTANCE_TYPES: "t3.micro",
    BERTH_EC2_API_PERCENT: "100",
  };
}

async function idle(pool: pg.Pool): Promise<void> {
  const limit = performance.now() + 120_000;
  for (;;) {
    const { rows } = await pool.query<{ n: number }>(
      "select count(*)::int as n from operations where state in ('queued', 'running')",
    );
    if (rows[0]!.n === 0) return;
    if (performance.now() > limit) throw new Error(`${rows[0]!.n} operations haven't ended within 120 s`);
    await delay(100);
  }
}
