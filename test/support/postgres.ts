import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPool, type Pool } from "@berth/core/db/pool";
import { migrate } from "@berth/core/db/migrate";
import { startEmbeddedPostgres } from "@berth/standalone/embedded-postgres";
import pg from "pg";
import { copyCluster } from "./prepared-cluster.js";
import { expect, inject, vi } from "vitest";

const TEMPLATE = "berth_template";

export interface TestPostgres {
  url: string;
  port: number;
  dataDir: string;
  /** Ends the server; connections break and new ones are refused until `start`. */
  stop(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A PostgreSQL of one's own, for tests that stop it: with an empty database, or with what a `baseBackup` has. With
 * `durable` it fsyncs.
 */
export async function startPostgres({
  durable = false,
  backup,
}: { durable?: boolean; backup?: string } = {}): Promise<TestPostgres> {
  const dataDir = backup ?? (await mkdtemp(join(tmpdir(), "postgres-")));
  await chmod(dataDir, 0o711);
  if (backup === undefined) await copyCluster(dataDir);
  let server = await startEmbeddedPostgres({ dataDir, durable });
  const { url, port } = server;
  return {
    url,
    port,
    dataDir,
    stop: () => server.stop(),
    start: async () => {
      server = await startEmbeddedPostgres({ dataDir, durable, port });
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      // Elsewhere when the temporary directory is closed to PostgreSQL's user.
      await rm(await realpath(join(dataDir, "postgres")), { recursive: true, force: true });
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Makes the migrated database that all test databases are copies of. */
export async function makeTemplate(url: string): Promise<void> {
  await query(url, `create database ${TEMPLATE}`);
  await migrate(withDatabase(url, TEMPLATE));
}

export interface TestDatabase {
  url: string;
  pool: Pool;
  /** Fails if anything but `pool` is still connected: a worker, a queue or a pool that wasn't closed. */
  drop(): Promise<void>;
}

/** A migrated database of one's own in the run's PostgreSQL: one for each test file. Drop it in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const admin = inject("postgres").url;
  const name = `test_${randomBytes(6).toString("hex")}`;
  await query(admin, `create database ${name} template ${TEMPLATE}`);
  const url = withDatabase(admin, name);
  // The template may be minutes old: a copy of it would be taken for a restored backup.
  await query(url, "update memory set until = clock_timestamp()");
  const pool = createPool(url, { name: "test" });
  return {
    url,
    pool,
    drop: async () => {
      await pool.end();
      const connected = () =>
        query(
          admin,
          "select pid, application_name, state, query from pg_stat_activity where backend_type = 'client backend' and datname = $1",
          [name],
        );
      try {
        // What was just killed or closed needs a moment to be gone.
        await vi.waitFor(async () => expect(await connected(), "connections left open").toEqual([]), {
          interval: 20,
        });
      } finally {
        await query(admin, `drop database ${name} with (force)`);
      }
    },
  };
}

/** The test databases that nobody dropped. */
export async function leftDatabases(url: string): Promise<string[]> {
  const rows = await query<{ datname: string }>(
    url,
    "select datname from pg_database where datname like 'test\\_%'",
  );
  return rows.map((row) => row.datname);
}

async function query<Row>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
