import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@berth/standalone/postgres/free-port";
import { createPool } from "@berth/core/db/pool";
import { vi } from "vitest";
import { ensureCommands } from "./apt.js";

export interface PgBouncer {
  /** Leads to the same database, in transaction mode. */
  url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A real PgBouncer in transaction mode before a PostgreSQL that trusts who connects. */
export async function startPgBouncer(databaseUrl: string): Promise<PgBouncer> {
  const { pgbouncer } = await ensureCommands({ pgbouncer: "pgbouncer" });
  const directory = await mkdtemp(join(tmpdir(), "pgbouncer-"));
  // It doesn't run as root.
  await chmod(directory, 0o755);
  const server = new URL(databaseUrl);
  const port = await freePort();
  const file = join(directory, "pgbouncer.ini");
  await writeFile(
    file,
    [
      "[databases]",
      `* = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${port}`,
      "unix_socket_dir =",
      "auth_type = any",
      "pool_mode = transaction",
      "default_pool_size = 10",
      "",
    ].join("\n"),
  );
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child = spawn(pgbouncer, [...user, "-q", file], { stdio: "ignore" });
  const url = new URL(databaseUrl);
  url.port = String(port);
  const pool = createPool(url.href, { max: 1, name: "test-pgbouncer" });
  await vi.waitFor(() => pool.query("select 1"), { timeout: 20_000, interval: 50 });
  await pool.end();
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
