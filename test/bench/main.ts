/**
 * Berth beside what a user would take instead: `npm run bench [-- a b c]`; `-- fairness` is fairness.ts. Each round runs every system once, in turn, on a
 * durable PostgreSQL and Redis of their own; what broke a promise has no figure. Writes docs/benchmarks.
 */
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "@berth/standalone/embedded-postgres";
import { Redis } from "ioredis";
import pg from "pg";
import { startRedis } from "../support/redis.js";
import { openBerth } from "./peers/berth.js";
import { parentOf } from "./peers/cpu.js";
import { CASES, measure, type CaseName, type Sample } from "./peers/gate.js";
import { installPeers } from "./peers/install.js";
import { writeReport } from "./peers/report.js";
import { openPeer, PEERS } from "./peers/systems.js";

if (process.argv.includes("fairness")) {
  await import("./fairness.js");
  process.exit(0);
}
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const SYSTEMS = ["berth", ...Object.keys(PEERS)];
const asked = process.argv.slice(2).filter((name): name is CaseName => Object.hasOwn(CASES, name));
const names = asked.length > 0 ? asked : (Object.keys(CASES) as CaseName[]);

const folder = await installPeers();
const directory = await mkdtemp(join(tmpdir(), "bench-"));
await chmod(directory, 0o711);
const postgres = await startEmbeddedPostgres({ dataDir: directory, durable: true });
const redis = await startRedis({ durable: true });
const admin = new pg.Pool({ connectionString: postgres.url, max: 1 });
const servers = await pidsOf();

const samples: { name: CaseName; system: string; round: number; sample: Sample | null }[] = [];
for (let round = 1; round <= ROUNDS; round++) {
  for (const name of names)
    // Each first once, so that none is always the one after the same other.
    for (const [n] of SYSTEMS.entries()) {
      const system = SYSTEMS[(n + round) % SYSTEMS.length]!;
      const sample = await once(system, name).catch((error: unknown) => {
        console.error(`${name} ${system}:`, error);
        return null;
      });
      samples.push({ name, system, round, sample });
      console.log(round, name, system, JSON.stringify(sample));
    }
  await writeReport(samples, SYSTEMS, servers.versions);
}
await admin.end();
await redis[Symbol.asyncDispose]();
await postgres.stop();
await rm(directory, { recursive: true, force: true });
process.exit(0);

async function once(system: string, name: CaseName): Promise<Sample> {
  const database = `bench_${randomUUID().replaceAll("-", "")}`;
  await admin.query(`create database ${database}`);
  const url = new URL(postgres.url);
  url.pathname = `/${database}`;
  await redis.flush();
  const place = { folder, redisUrl: redis.url, databaseUrl: url.href, keys: CASES[name].keys };
  const opened = system === "berth" ? await openBerth(place) : await openPeer(system, place);
  try {
    return await measure(opened, CASES[name], servers);
  } finally {
    await opened.close();
  }
}

async function pidsOf() {
  const { rows } = await admin.query<{ pid: number; version: string }>(
    "select pg_backend_pid() as pid, current_setting('server_version') as version",
  );
  const client = new Redis(redis.url);
  const info = await client.info("server");
  client.disconnect();
  return {
    postgres: parentOf(rows[0]!.pid),
    redis: Number(/process_id:(\d+)/.exec(info)![1]),
    versions: { PostgreSQL: rows[0]!.version, Redis: /redis_version:(\S+)/.exec(info)![1]! },
  };
}
