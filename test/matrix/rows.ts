import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { inject, onTestFinished } from "vitest";
import { startPgBouncer } from "../support/pgbouncer.js";
import { startPostgresPair } from "../support/postgres-standby.js";
import { startRedis } from "../support/redis.js";
import { startRedisCluster } from "../support/redis-cluster.js";
import { startRedisSentinels } from "../support/redis-sentinel.js";
import { databaseOf } from "./database.js";
import { commandOf, unpacked } from "./debian.js";
import { ENGINES } from "./engines.js";
import { nodeOf, postgresOf } from "./installed.js";

const exec = promisify(execFile);

/** What Berth runs on in one row of the table. */
export interface Ground {
  version: string;
  env: Record<string, string>;
  /** Default: the Node that runs this. */
  node?: string;
  spec?: Record<string, unknown>;
  /** What happens to it in the middle of the work. */
  strike?: { what: string; act: () => Promise<unknown> };
}

export interface Row {
  what: string;
  /** Runs with the long tests too, and not only by `npm run matrix`. */
  quick?: boolean;
  start: () => Promise<Ground>;
}

async function flushedRedis(command?: string): Promise<{ url: string; strike: Ground["strike"] }> {
  const redis = await startRedis({ command });
  onTestFinished(() => redis[Symbol.asyncDispose]());
  return { url: redis.url, strike: { what: "FLUSHALL", act: () => redis.flush() } };
}

/** Valkey tells a version of Redis as well, for clients that ask for one. */
async function versionOfRedis(url: string): Promise<string> {
  const redis = new Redis(url);
  const info = await redis.info();
  const [, version] = (/valkey_version:(\S+)/.exec(info) ?? /redis_version:(\S+)/.exec(info))!;
  redis.disconnect();
  return version!;
}

const postgres = (version: string, quick = false): Row => ({
  what: `PostgreSQL ${version.split(".")[0]}`,
  quick,
  async start() {
    const { url, version: full } = await postgresOf(version);
    const { url: REDIS_URL, strike } = await flushedRedis();
    return { version: full, env: { DATABASE_URL: url, REDIS_URL }, ...(strike && { strike }) };
  },
});

const node = (major: string): Row => ({
  what: `Node ${major}`,
  async start() {
    const { program, version } = await nodeOf(major);
    const { url, strike } = await flushedRedis();
    const env = { ...(await databaseOf()), REDIS_URL: url };
    return { version, env, node: program, ...(strike && { strike }) };
  },
});

/** Of the Debian after this machine's. */
const trixie = (what: string, packages: readonly string[], program: string, name: string): Row => ({
  what,
  async start() {
    const root = await unpacked("trixie", [...packages, ...SERVER_LIBRARIES]);
    const { url, strike } = await flushedRedis(await commandOf(root, program, name));
    const env = { ...(await databaseOf()), REDIS_URL: url };
    return { version: await versionOfRedis(url), env, ...(strike && { strike }) };
  },
});

/** Of redis-tools and valkey-tools, with what each of those depends on. */
const SERVER_LIBRARIES =
  "libc6 libatomic1 libjemalloc2 liblzf1 libssl3t64 libstdc++6 libgcc-s1 libsystemd0 libcap2 libzstd1".split(
    " ",
  );

/** All that npm, Debian's own release and the one after it offer here. */
export const ROWS: readonly Row[] = [
  postgres("14.23.0-beta.17", true),
  postgres("15.18.0-beta.17"),
  postgres("16.14.0-beta.17"),
  postgres("17.10.0-beta.17"),
  postgres("18.4.0-beta.17"),
  {
    what: "PostgreSQL, a standby takes over",
    async start() {
      const pair = await startPostgresPair();
      onTestFinished(() => pair[Symbol.asyncDispose]());
      const fail = async (): Promise<void> => {
        await pair.primary.stop();
        await pair.promote();
      };
      const env = { DATABASE_URL: pair.url, REDIS_URL: inject("redis").url };
      return {
        version: "18.4",
        env,
        strike: { what: "the primary ends, the standby is promoted", act: fail },
      };
    },
  },
  {
    what: "PgBouncer in transaction mode, queues on Redis",
    quick: true,
    async start() {
      const { DATABASE_URL } = await databaseOf();
      const pooler = await startPgBouncer(DATABASE_URL);
      onTestFinished(() => pooler[Symbol.asyncDispose]());
      const { url: REDIS_URL, strike } = await flushedRedis();
      return {
        version: await versionOfPgBouncer(),
        env: { DATABASE_URL: pooler.url, REDIS_URL },
        ...(strike && { strike }),
      };
    },
  },
  {
    what: "PgBouncer in transaction mode, queues in PostgreSQL over DATABASE_LISTEN_URL",
    async start() {
      const { DATABASE_URL } = await databaseOf();
      const pooler = await startPgBouncer(DATABASE_URL);
      onTestFinished(() => pooler[Symbol.asyncDispose]());
      return {
        version: await versionOfPgBouncer(),
        env: { DATABASE_URL: pooler.url, DATABASE_LISTEN_URL: DATABASE_URL },
      };
    },
  },
  {
    what: "Queues in PostgreSQL, no Redis",
    start: async () => ({ version: "18.4", env: await databaseOf() }),
  },
  {
    what: "Redis, one node",
    async start() {
      const { url, strike } = await flushedRedis();
      const env = { ...(await databaseOf()), REDIS_URL: url };
      return { version: await versionOfRedis(url), env, ...(strike && { strike }) };
    },
  },
  trixie("Redis 8", ["redis-tools"], "usr/bin/redis-check-rdb", "redis-server"),
  trixie("Valkey", ["valkey-tools"], "usr/bin/valkey-check-rdb", "valkey-server"),
  {
    what: "Redis, three Sentinels",
    async start() {
      const redis = await startRedisSentinels();
      onTestFinished(() => redis[Symbol.asyncDispose]());
      const env = { ...(await databaseOf()), REDIS_URL: redis.url };
      const strike = { what: "SIGKILL of the primary", act: () => redis.losePrimary("SIGKILL") };
      return { version: await versionOfRedis(`redis://127.0.0.1:${redis.replicaPort}`), env, strike };
    },
  },
  {
    what: "Redis, a Cluster of three",
    quick: true,
    async start() {
      const redis = await startRedisCluster();
      onTestFinished(() => redis[Symbol.asyncDispose]());
      const env = { ...(await databaseOf()), REDIS_URL: redis.url };
      return { version: await versionOfRedis(`redis://127.0.0.1:${redis.ports[0]}`), env };
    },
  },
  {
    what: "Two places, by a places file",
    async start() {
      const directory = await mkdtemp(join(tmpdir(), "matrix-places-"));
      onTestFinished(() => rm(directory, { recursive: true, force: true }));
      const file = join(directory, "places.json");
      const at = (name: string) => ({ backend: "process", data_dir: join(directory, name) });
      await writeFile(file, JSON.stringify({ places: { process: at("a"), b: at("b") } }));
      const { url: REDIS_URL, strike } = await flushedRedis();
      const env = { ...(await databaseOf()), REDIS_URL, BERTH_PLACES_FILE: file };
      return { version: "process", env, ...(strike && { strike }) };
    },
  },
  node("20.19"),
  node("22"),
  node("24"),
  node("26"),
  ...ENGINES,
];

async function versionOfPgBouncer(): Promise<string> {
  const { stdout } = await exec("pgbouncer", ["--version"], {
    env: { PATH: `${process.env["PATH"]}:/usr/sbin` },
  });
  return /\d+\.\d+\.\d+/.exec(stdout)![0];
}
