import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import {
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { type Account, accountFor, canEnter, CHILD_ENV } from "./account.js";

const FOLDER = "postgres";
/** Where a cluster goes when the data directory is closed to the user that PostgreSQL runs as. */
const OUTSIDE = "/var/lib/berth";

export interface Cluster {
  /** PostgreSQL's own data directory, a real path. */
  pgdata: string;
  account: Account;
  password: string;
}

/**
 * The place of the cluster: `<data directory>/postgres`. As root under a directory that others can't enter
 * this is a symbolic link to a folder outside, since PostgreSQL has to reach it as another user.
 */
export async function placeCluster(dataDir: string): Promise<Cluster> {
  // Others may pass through, so that PostgreSQL's user can; the files with secrets are closed themselves.
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const folder = join(dataDir, FOLDER);
  const account = await accountFor(folder);
  if (!(await lstat(folder).catch(() => null))) {
    if (await canEnter(account, dataDir)) await mkdir(folder, { mode: 0o700 });
    else {
      await mkdir(OUTSIDE, { recursive: true, mode: 0o755 });
      await symlink(await mkdtemp(join(OUTSIDE, "postgres-")), folder);
    }
  }
  const root = await realpath(folder).catch(() => {
    throw new Error(`${folder} points to a folder that isn't there any more`);
  });
  await give(root, account);
  if (!(await canEnter(account, root))) {
    throw new Error(`the user that PostgreSQL runs as can't reach ${root}: move it, or set DATABASE_URL`);
  }
  return {
    pgdata: join(root, "data"),
    account,
    password: await keptPassword(join(root, "password"), account),
  };
}

/** Makes the cluster with its database `berth`, unless it is there. Takes about 2 s. */
export async function initialise(cluster: Cluster, binaries: string): Promise<void> {
  if (await lstat(cluster.pgdata).catch(() => null)) return;
  const partial = `${cluster.pgdata}.partial`;
  await rm(partial, { recursive: true, force: true });
  const pwfile = join(cluster.pgdata, "../password");
  // prettier-ignore
  await runTool(cluster.account, join(binaries, "bin/initdb"), [
    "--pgdata", partial, "--username", "berth", "--pwfile", pwfile, "--auth", "scram-sha-256",
    "--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C",
  ]);
  const single = ["--single", "-D", partial, "postgres"];
  await runTool(cluster.account, join(binaries, "bin/postgres"), single, "CREATE DATABASE berth\n");
  // Last, so that a crash on the way leaves nothing that looks like a cluster.
  await rename(partial, cluster.pgdata);
}

async function keptPassword(path: string, account: Account): Promise<string> {
  const kept = await readFile(path, "utf8").catch(() => null);
  if (kept) return kept.trim();
  const password = randomBytes(24).toString("base64url");
  await writeFile(`${path}.partial`, `${password}\n`, { mode: 0o600 });
  await give(`${path}.partial`, account);
  await rename(`${path}.partial`, path);
  return password;
}

async function give(path: string, account: Account): Promise<void> {
  if ("uid" in account) await chown(path, account.uid, account.gid);
}

async function runTool(account: Account, path: string, args: string[], input = ""): Promise<void> {
  // A group of its own: Ctrl-C in the terminal would end it half-way, and some of it with exit code 0.
  const child = spawn(path, args, { ...account, cwd: "/", env: CHILD_ENV, detached: true, stdio: "pipe" });
  let errors = "";
  child.stderr.on("data", (text) => (errors += String(text)));
  child.stdout.resume();
  child.stdin.on("error", () => undefined).end(input);
  const [code] = (await once(child, "close")) as [number | null];
  // In single-user mode a failed statement is no failed exit.
  if (code === 0 && !/(ERROR|FATAL): /.test(errors)) return;
  throw new Error(
    `embedded PostgreSQL couldn't be set up: ${errors.trim().split("\n").slice(-3).join("; ")}`,
  );
}
