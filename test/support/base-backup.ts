import { execFile } from "node:child_process";
import { chmod, chown, mkdtemp, realpath, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import type { TestPostgres } from "./postgres.js";

const exec = promisify(execFile);
/** What a copy makes anew, or would be misled by (PostgreSQL's manual, "Backing Up the Data Directory"). */
const LEFT_OUT = [
  "postmaster.*",
  ...["wal", "replslot", "dynshmem", "notify", "serial", "snapshots", "stat_tmp", "subtrans"].map(
    (name) => `pg_${name}/*`,
  ),
];

/**
 * A physical backup of a running server: its files as they are, torn as they may be, with the WAL that mends them.
 * By hand, since pg_basebackup isn't among the embedded binaries.
 * @param meanwhile runs when the files are copied and the WAL isn't: what it commits only the WAL has
 * @returns a directory to start a server on
 */
export async function baseBackup(
  { url, dataDir }: Pick<TestPostgres, "url" | "dataDir">,
  meanwhile: () => Promise<void>,
): Promise<string> {
  const source = await realpath(join(dataDir, "postgres"));
  // Beside it, where PostgreSQL's user gets to.
  const target = await mkdtemp(join(dirname(source), "backup-"));
  await chmod(target, 0o711);
  const archive = join(target, "backup.tar");
  const copy = async (path: string, leftOut: readonly string[] = []) => {
    // Where PostgreSQL's user can't enter the temporary directory the source has another name.
    const rename = ["--transform", "s,^[^/]*,postgres,"];
    const without = leftOut.map((pattern) => `--exclude=${basename(source)}/data/${pattern}`);
    const from = join(basename(source), path);
    await exec("tar", ["-C", dirname(source), "-cf", archive, ...rename, ...without, from]).catch(isChange);
    await exec("tar", ["-C", target, "-xpf", archive]);
    await rm(archive);
  };
  // The backup lasts as long as the session that has begun it.
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    await session.query("select pg_backup_start('test', fast => true)");
    await copy("", LEFT_OUT);
    await meanwhile();
    const { rows } = await session.query<{ label: string }>(
      "select labelfile as label from pg_backup_stop()",
    );
    const label = join(target, "postgres/data/backup_label");
    await writeFile(label, rows[0]!.label, { mode: 0o600 });
    const { uid, gid } = await stat(dirname(label));
    await chown(label, uid, gid);
    await copy("data/pg_wal");
  } finally {
    await session.end();
  }
  return target;
}

/** With status 1 tar only says that files changed while it read them. */
function isChange(error: Error & { code?: unknown }): void {
  if (error.code !== 1) throw error;
}
