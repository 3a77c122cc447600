/**
 * What memory an API process and a worker take with many workspaces and steady work, and whether it grows: RSS every 10 s,
 * and its trend over the last two thirds.
 * `npm run bench -- memory [minutes] [workspaces]`
 *
 * Nearly all workspaces are `external` and send heartbeats; some are processes that are restarted, paused and resumed all the
 * time. Beside that: lists, metrics, streams of events and of logs. All on loopback; it ends by itself.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once, setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { migrate } from "@berth/core/db/migrate";
import { startEmbeddedPostgres } from "@berth/standalone/embedded-postgres";
import { freePort } from "@berth/standalone/postgres/free-port";
import { startRedis } from "../support/redis.js";

const MINUTES = Number(process.argv[2] ?? 30);
const WORKSPACES = Number(process.argv[3] ?? 10_000);
const RUNNING = 20;
const STREAMS = 20;
const HEARTBEAT_EVERY_MS = 30_000;
const SAMPLE_EVERY_MS = 10_000;

const directory = await mkdtemp(join(tmpdir(), "bench-"));
await chmod(directory, 0o711);
const postgres = await startEmbeddedPostgres({ dataDir: join(directory, "postgres"), durable: true });
const redis = await startRedis();
await migrate(postgres.url);
const key = randomUUID();
const port = await freePort();
const processes = { api: start("api"), worker: start("worker") };
const agent = new Agent({ keepAlive: true, maxSockets: 50 });
const done = new AbortController();
setMaxListeners(0, done.signal);
const counts = { operations: 0, heartbeats: 0, reads: 0, refused: 0 };
try {
  for (let up = false; !up; await delay(200))
    up = await call("GET", "/ready").then(
      ({ status }) => status === 200,
      () => false,
    );
  const agents = await inLanes(20, WORKSPACES - RUNNING, async () => {
    const { body } = await call("POST", "/workspaces", {
      body: { name: "agent", backend: "external", spec: {} },
    });
    return body as { id: string; token: string };
  });
  const ids = await inLanes(5, RUNNING, async () => {
    const spec = { command: ["sh", "-c", "while :; do echo hello; sleep 5; done"] };
    const { body } = await call("POST", "/workspaces", {
      body: { name: "process", backend: "process", spec },
    });
    return (body as { id: string }).id;
  });
  const work = [
    ...Array.from({ length: 10 }, (_, lane) => beat(agents.filter((_agent, n) => n % 10 === lane))),
    ...Array.from({ length: 5 }, (_, lane) => change(ids.filter((_id, n) => n % 5 === lane))),
    read(),
  ];
  for (let n = 0; n < STREAMS; n++) follow("/events/stream");
  for (const id of ids.slice(0, 5)) follow(`/workspaces/${id}/logs?follow=true`);
  const samples = await sample();
  done.abort();
  await Promise.all(work);
  report(samples);
} finally {
  done.abort();
  agent.destroy();
  for (const one of Object.values(processes)) {
    one.kill("SIGTERM");
    if (one.exitCode === null) await once(one, "exit");
  }
  await redis.stop();
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
}

function start(app: "api" | "worker"): ChildProcess {
  return spawn(
    process.execPath,
    [fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url))],
    {
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
        PORT: String(port),
        HOST: "127.0.0.1",
        BERTH_ADMIN_KEY: key,
        BERTH_SECRET: randomUUID(),
        BERTH_BACKENDS: "external,process",
        BERTH_DATA_DIR: directory,
        BERTH_LIMIT_READS_PER_S: "0",
        BERTH_LIMIT_WRITES_PER_S: "0",
        LOG_LEVEL: "error",
      },
      stdio: "inherit",
    },
  );
}

/** Beats for each of them once in the interval. */
async function beat(agents: readonly { id: string; token: string }[]): Promise<void> {
  while (!done.signal.aborted)
    for (const { id, token } of agents) {
      if (done.signal.aborted) return;
      const from = performance.now();
      const body = { workspace_id: id, active_tasks: counts.heartbeats % 3, error_rate: 0 };
      await call("POST", "/registry/heartbeat", { body, token });
      counts.heartbeats++;
      await pause(HEARTBEAT_EVERY_MS / agents.length - (performance.now() - from));
    }
}

/** Restarts, pauses and resumes them, one after the other, each to its end. */
async function change(ids: readonly string[]): Promise<void> {
  while (!done.signal.aborted)
    for (const id of ids)
      for (const what of ["restart", "pause", "resume"]) {
        if (done.signal.aborted) return;
        await call("POST", `/workspaces/${id}/${what}`, { prefer: "wait=30" });
        counts.operations++;
        await pause(200);
      }
}

async function read(): Promise<void> {
  for (let n = 0; !done.signal.aborted; n++) {
    await call(
      "GET",
      ["/workspaces?limit=100", "/operations?limit=100", "/events?limit=100", "/metrics"][n % 4]!,
    );
    counts.reads++;
    await pause(250);
  }
}

/** A stream that is read, and opened again whenever it ends. */
function follow(path: string): void {
  const again = (): void => void setTimeout(() => (done.signal.aborted ? undefined : follow(path)), 1_000);
  const sent = httpRequest({ port, path, headers: { authorization: `Bearer ${key}` } }, (answer) => {
    answer.resume();
    answer.on("close", again);
  });
  sent.on("error", again);
  done.signal.addEventListener("abort", () => sent.destroy());
  sent.end();
}

interface Sample {
  minute: number;
  api: number;
  worker: number;
}

async function sample(): Promise<Sample[]> {
  const samples: Sample[] = [];
  const from = performance.now();
  while (performance.now() - from < MINUTES * 60_000) {
    await delay(SAMPLE_EVERY_MS);
    const minute = (performance.now() - from) / 60_000;
    samples.push({ minute, api: rssOf(processes.api), worker: rssOf(processes.worker) });
    if (samples.length % 12 === 0) {
      const { api, worker } = samples.at(-1)!;
      console.error(
        `${minute.toFixed(0).padStart(4)} min  api ${api.toFixed(0)} MB  worker ${worker.toFixed(0)} MB`,
      );
    }
  }
  return samples;
}

/** In MB (10^6 bytes). Linux only. */
function rssOf({ pid }: ChildProcess): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return (Number(kib) * 1_024) / 1e6;
}

function report(samples: readonly Sample[]): void {
  const settled = samples.slice(Math.floor(samples.length / 3));
  console.log(`${WORKSPACES} workspaces, ${MINUTES} min: ${JSON.stringify(counts)}`);
  for (const who of ["api", "worker"] as const) {
    const values = settled.map((one) => one[who]);
    const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
    const middle = settled.reduce((sum, one) => sum + one.minute, 0) / settled.length;
    const slope =
      settled.reduce((sum, one) => sum + (one.minute - middle) * (one[who] - mean), 0) /
      settled.reduce((sum, one) => sum + (one.minute - middle) ** 2, 0);
    const most = Math.max(...samples.map((one) => one[who]));
    console.log(
      `${who.padEnd(7)} RSS ${mean.toFixed(0)} MB on average, ${most.toFixed(0)} MB at most, ` +
        `${(slope * 60).toFixed(1)} MB an hour`,
    );
  }
}

async function call(
  method: string,
  path: string,
  { body, token = key, prefer }: { body?: object; token?: string; prefer?: string } = {},
): Promise<{ status: number; body: unknown }> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const sent = httpRequest({
    agent,
    port,
    method,
    path,
    headers: {
      authorization: `Bearer ${token}`,
      ...(prefer === undefined ? {} : { prefer }),
      ...(text === undefined ? {} : { "content-type": "application/json", "content-length": text.length }),
    },
  });
  sent.end(text);
  const [answer] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  if (answer.statusCode >= 400) counts.refused++;
  const content = Buffer.concat(chunks).toString("utf8");
  const isJson = String(answer.headers["content-type"]).includes("json");
  return { status: answer.statusCode as number, body: isJson ? JSON.parse(content) : content };
}

async function inLanes<T>(lanes: number, count: number, work: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun++ < count) all.push(await work());
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return all;
}

async function pause(ms: number): Promise<void> {
  await delay(Math.max(0, ms), undefined, { signal: done.signal }).catch(() => undefined);
}
