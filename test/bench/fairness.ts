/**
 * What one tenant notices of another at its full rate: `npm run bench -- fairness [seconds]`. By turns, one tenant calls alone and then
 * beside one that asks for all that its budgets let through, of one API process and one worker; the p95 of the first, and how many
 * times what it is alone.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { migrate } from "@berth/core/db/migrate";
import { startEmbeddedPostgres } from "@berth/standalone/embedded-postgres";
import { freePort } from "@berth/standalone/postgres/free-port";
import { startRedis } from "../support/redis.js";
import { percentile } from "./frame/run.js";

const SECONDS = Number(process.argv.find((one) => /^\d+$/.test(one)) ?? 20);
const TURNS = 3;
/** What the tenant that is measured does, in ms from one to the next. */
const READ_EVERY_MS = 50;
const CREATE_EVERY_MS = 500;

type Kind = "read" | "create, accepted" | "create, carried out";
type Times = Record<Kind, number[]>;
const none = (): Times => ({ read: [], "create, accepted": [], "create, carried out": [] });

const adminKey = randomUUID();
const directory = await mkdtemp(join(tmpdir(), "bench-"));
await chmod(directory, 0o711);
const postgres = await startEmbeddedPostgres({ dataDir: directory, durable: true });
const redis = await startRedis();
await migrate(postgres.url);
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const children: ChildProcess[] = [];
try {
  for (const app of ["api", "worker"]) children.push(start(app));
  for (let up = false; !up; await pause(100))
    up = await fetch(`${url}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  const [blue, red] = [await keyOf("blue"), await keyOf("red")];
  const [alone, beside] = [none(), none()];
  await measure(blue, 5, none());
  for (let turn = 0; turn < TURNS; turn++) {
    await measure(blue, SECONDS, alone);
    const other = spawn(
      process.execPath,
      ["--import", "tsx", fileURLToPath(new URL("flood.ts", import.meta.url))],
      {
        env: { PATH: process.env["PATH"], FLOOD_URL: url, FLOOD_KEY: red },
        stdio: "inherit",
      },
    );
    const ended = once(other, "exit");
    await pause(3_000);
    await measure(blue, SECONDS, beside);
    other.kill("SIGTERM");
    await ended;
    await drained();
  }
  console.log("\n| p95 in ms | alone | beside | times |\n| --- | --- | --- | --- |");
  for (const kind of Object.keys(alone) as Kind[]) {
    const [one, other] = [percentile(alone[kind], 0.95), percentile(beside[kind], 0.95)];
    console.log(`| ${kind} | ${one.toFixed(0)} | ${other.toFixed(0)} | ${(other / one).toFixed(1)} |`);
  }
} finally {
  for (const child of children) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  await redis.stop();
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
}

function start(app: string): ChildProcess {
  const main = fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url));
  return spawn(process.execPath, [main], {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      PORT: String(port),
      HOST: "127.0.0.1",
      BERTH_ADMIN_KEY: adminKey,
      BERTH_SECRET: "bench-secret-0123456789-0123456789-0123456789",
      BERTH_BACKENDS: "external",
      LOG_LEVEL: "error",
    },
    stdio: "inherit",
  });
}

async function ask(
  key: string,
  method: string,
  path: string,
  body?: object,
  prefer = "wait=0",
): Promise<Response> {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", prefer },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer;
}

async function keyOf(team: string): Promise<string> {
  const answer = await ask(adminKey, "POST", "/keys", { name: team, scope: "operator", tenant: { team } });
  return ((await answer.json()) as { key: string }).key;
}

/** Calls by the clock, whether what was asked before is answered or not. */
async function measure(key: string, seconds: number, times: Times): Promise<void> {
  const calls: Promise<void>[] = [];
  const timed = async (kind: Kind, call: () => Promise<Response>): Promise<void> => {
    const begun = performance.now();
    const answer = await call().catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.ok !== true) console.log(`${kind}: ${answer?.status ?? "no answer"}`);
    times[kind].push(performance.now() - begun);
  };
  const create = () => ({ name: randomUUID(), backend: "external", spec: {} });
  const until = performance.now() + seconds * 1_000;
  for (let n = 0; performance.now() < until; n++) {
    calls.push(timed("read", () => ask(key, "GET", "/workspaces?limit=20")));
    if ((n * READ_EVERY_MS) % CREATE_EVERY_MS === 0) {
      calls.push(timed("create, accepted", () => ask(key, "POST", "/workspaces", create())));
      calls.push(timed("create, carried out", () => ask(key, "POST", "/workspaces", create(), "wait=60")));
    }
    await pause(READ_EVERY_MS);
  }
  await Promise.all(calls);
}

/** Until nothing of the other one waits any more. */
async function drained(): Promise<void> {
  for (;;) {
    const waiting = await ask(adminKey, "GET", "/operations?state=queued&limit=1").then((one) => one.json());
    if ((waiting as unknown[]).length === 0) return;
    await pause(500);
  }
}
