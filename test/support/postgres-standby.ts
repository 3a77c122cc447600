import { appendFile, chown, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { vi } from "vitest";
import { baseBackup } from "./base-backup.js";
import { startPostgres, type TestPostgres } from "./postgres.js";

/** A primary with a standby that each commit waits for, so that nothing is lost when the standby takes over. */
export interface PostgresPair {
  primary: TestPostgres;
  standby: TestPostgres;
  /** Names both, the standby first. */
  url: string;
  /** The standby becomes the primary. */
  promote(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startPostgresPair(): Promise<PostgresPair> {
  const primary = await startPostgres();
  const backup = await baseBackup(primary, async () => undefined);
  const data = join(backup, "postgres/data");
  const { username, password, port } = new URL(primary.url);
  const from = `host=127.0.0.1 port=${port} user=${username} password=${password}`;
  await appendFile(join(data, "postgresql.auto.conf"), `primary_conninfo = '${from}'\n`);
  const signal = join(data, "standby.signal");
  await writeFile(signal, "");
  const { uid, gid } = await stat(data);
  await chown(signal, uid, gid);
  const standby = await startPostgres({ backup });
  await asked(primary, "alter system set synchronous_standby_names = '*'");
  await asked(primary, "select pg_reload_conf()");
  await vi.waitUntil(
    async () =>
      (await asked(primary, "select 1 from pg_stat_replication where sync_state = 'sync'")).length > 0,
  );
  const url = new URL(primary.url);
  return {
    primary,
    standby,
    url: `postgres://${username}:${password}@127.0.0.1:${standby.port},127.0.0.1:${primary.port}${url.pathname}?target_session_attrs=read-write`,
    promote: async () => void (await asked(standby, "select pg_promote(true, 60)")),
    async [Symbol.asyncDispose]() {
      await standby[Symbol.asyncDispose]();
      await primary[Symbol.asyncDispose]();
    },
  };
}

async function asked({ url }: TestPostgres, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
