import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copyCluster } from "../support/prepared-cluster.js";
import { programOf } from "../support/programs.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** The standalone as a process of its own. */
export interface StandaloneProcess {
  child: ChildProcess;
  dataDir: string;
  /** What it printed once it was ready; rejects if it ends before. */
  ready: Promise<{ url: string; key: string; curlLines: string[]; text: string }>;
  exit: Promise<Exit>;
  /** Ctrl-C, and the exit. */
  interrupt(): Promise<Exit>;
}

/** A directory that PostgreSQL's user can reach. */
export async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "standalone-"));
  await chmod(directory, 0o711);
  return directory;
}

/** As after a first start that got no further than its PostgreSQL: that spares it `initdb`. */
export async function preparedDirectory(): Promise<string> {
  const directory = await newDirectory();
  await copyCluster(directory);
  return directory;
}

export function startStandalone(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  account: { uid?: number; gid?: number } = {},
  args: readonly string[] = [],
): StandaloneProcess {
  const { execArgv, file } = programOf(join(ROOT, "apps/standalone/src/main.ts"));
  const child = spawn(process.execPath, [...execArgv, file, ...args], {
    ...account,
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      TMPDIR: tmpdir(),
      PORT: "0",
      BERTH_BACKENDS: "process",
      BERTH_DATA_DIR: dataDir,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const exit = once(child, "close").then(([code, signal]) => ({ code, signal, stdout, stderr }) as Exit);
  child.stderr.on("data", (text) => (stderr += String(text)));
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (text) => {
      stdout += String(text);
      if (stdout.includes("Ctrl-C")) resolve(stdout);
    });
    void exit.then(() => reject(new Error(`the standalone ended before it was ready: ${stderr}`)));
  }).then((text) => ({
    text,
    url: /API\s+(\S+)/.exec(text)?.[1] ?? "",
    key: /Key\s+(\S+)/.exec(text)?.[1] ?? "",
    curlLines: text.split("\n").filter((line) => /^(id=|curl )/.test(line)),
  }));
  // Those who only want the exit don't wait for this.
  ready.catch(() => undefined);
  const interrupt = () => {
    child.kill("SIGINT");
    return exit;
  };
  return { child, dataDir, ready, exit, interrupt };
}

/** The pid in PostgreSQL's own lock file, or null if none is there: it removes the file when it ends. */
export async function postgresPid(dataDir: string): Promise<number | null> {
  const text = await readFile(join(dataDir, "postgres/data/postmaster.pid"), "utf8").catch(() => null);
  return text === null ? null : Number(text.split("\n", 1)[0]);
}
