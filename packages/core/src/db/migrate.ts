import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { connectionTo } from "./connect.js";

const MIGRATIONS = fileURLToPath(new URL("../../migrations", import.meta.url));
/** `pg_advisory_xact_lock` key: the letters "brth". Held by the transaction, so it works through a pooler. */
const LOCK_KEY = 0x62727468;

/** Thrown when the database was migrated by a newer Berth: running on it could lose what that one wrote. */
export class SchemaTooNewError extends Error {
  constructor(found: number, known: number) {
    super(
      `the database is at schema ${found}, this Berth knows ${known}: start a Berth at least as new as the ` +
        "one that migrated it",
    );
    this.name = "SchemaTooNewError";
  }
}

/**
 * Brings the database to this code's schema: each missing file of `migrations/`, in order, all in one
 * transaction under a lock, so that any number of processes may start at once.
 * @throws SchemaTooNewError if the database is newer than the code.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const files = (await readdir(MIGRATIONS)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).toSorted();
  const client = new pg.Client({ ...connectionTo(databaseUrl), connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock($1)", [LOCK_KEY]);
    await client.query(
      "create table if not exists berth_schema (version int primary key, applied_at timestamptz not null default now())",
    );
    const { rows } = await client.query<{ version: number }>(
      "select coalesce(max(version), 0) as version from berth_schema",
    );
    const current = rows[0]?.version ?? 0;
    if (current > files.length) throw new SchemaTooNewError(current, files.length);
    for (const [index, file] of files.entries()) {
      if (index < current) continue;
      await client.query(await readFile(`${MIGRATIONS}/${file}`, "utf8"));
      await client.query("insert into berth_schema (version) values ($1)", [index + 1]);
    }
    await client.query("commit");
  } finally {
    await client.end();
  }
}
