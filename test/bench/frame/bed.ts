import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "@berth/standalone/embedded-postgres";
import { Redis } from "ioredis";
import pg from "pg";
import { startRedis } from "../../support/redis.js";
import { cpuOf, cpuOfTree, parentOf } from "../peers/cpu.js";

/** What everything is measured on: a PostgreSQL that fsyncs, and a Redis whose AOF is synced each second. */
export interface Bed {
  /** What part of the usual work is done; 1 for a figure that is kept. */
  scale: number;
  redisUrl: string;
  admin: pg.Pool;
  versions: { PostgreSQL: string; Redis: string };
  /** The URL of a new, empty database; Redis is emptied too. */
  fresh(): Promise<string>;
  /** A directory of its own, which others may enter. */
  directory(): Promise<string>;
  /** CPU in ms so far: PostgreSQL with all its processes, and Redis. */
  cpu(): { postgres: number; redis: number };
  flushRedis(): Promise<void>;
  close(): Promise<void>;
}

export async function openBed(scale: number): Promise<Bed> {
  const root = await mkdtemp(join(tmpdir(), "bench-"));
  await chmod(root, 0o711);
  const postgres = await startEmbeddedPostgres({ dataDir: root, durable: true });
  const redis = await startRedis({ durable: true, extra: ["--appendfsync", "everysec"] });
  const admin = new pg.Pool({ connectionString: postgres.url, max: 1 });
  const client = new Redis(redis.url);
  const info = await client.info("server");
  const synced = await client.config("GET", "appendfsync");
  client.disconnect();
  if (!synced.toString().includes("everysec")) throw new Error(`appendfsync is ${synced.toString()}`);
  const { rows } = await admin.query<{ pid: number; version: string; fsync: string }>(
    "select pg_backend_pid() as pid, current_setting('server_version') as version, current_setting('fsync') as fsync",
  );
  if (rows[0]!.fsync !== "on") throw new Error("fsync is off");
  const postmaster = parentOf(rows[0]!.pid);
  const redisPid = Number(/process_id:(\d+)/.exec(info)![1]);
  return {
    scale,
    redisUrl: redis.url,
    admin,
    versions: { PostgreSQL: rows[0]!.version, Redis: /redis_version:(\S+)/.exec(info)![1]! },
    async fresh() {
      const database = `bench_${randomUUID().replaceAll("-", "")}`;
      await admin.query(`create database ${database}`);
      await redis.flush();
      const url = new URL(postgres.url);
      url.pathname = `/${database}`;
      return url.href;
    },
    async directory() {
      const made = await mkdtemp(join(root, "data-"));
      await chmod(made, 0o755);
      return made;
    },
    cpu: () => ({ postgres: cpuOfTree(postmaster), redis: cpuOf(redisPid) }),
    flushRedis: () => redis.flush(),
    async close() {
      await admin.end();
      await redis[Symbol.asyncDispose]();
      await postgres.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
