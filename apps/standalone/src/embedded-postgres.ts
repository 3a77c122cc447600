import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { CHILD_ENV } from "./postgres/account.js";
import { runnableBinaries } from "./postgres/binaries.js";
import { type Cluster, initialise, placeCluster } from "./postgres/cluster.js";
import { freePort } from "./postgres/free-port.js";
import { endLeftover, endPostgres } from "./postgres/leftover.js";

export interface EmbeddedPostgres {
  /** With the password: not for logs. */
  url: string;
  port: number;
  /** Fast shutdown, at most about 20 s. May be called again. */
  stop(): Promise<void>;
  /** Ends it at once, without waiting. The next start recovers by its log. */
  kill(): void;
  /** Resolves with the last lines it wrote when PostgreSQL ends, also by `stop`. */
  ended: Promise<string>;
}

export interface EmbeddedPostgresOptions {
  /** Holds the cluster and its password. Made if it is missing. */
  dataDir: string;
  /** Default: a free one, another at each start. */
  port?: number;
  /** False: a crash of the machine may lose the data. For tests. */
  durable?: boolean;
  /** Gets PostgreSQL's own lines. */
  logger?: { debug(message: string): void };
  /** More of its environment. For tests. */
  environment?: Readonly<Record<string, string>>;
}

/**
 * Starts the PostgreSQL 18 that npm installs, on 127.0.0.1 only, with the data and password of the last
 * time. The caller holds a lock on the data directory: a PostgreSQL that still runs on it is taken for what
 * a killed process left behind, and is stopped first.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  if (process.platform === "win32")
    throw new Error("embedded PostgreSQL needs Linux or macOS: set DATABASE_URL");
  const cluster = await placeCluster(options.dataDir);
  const binaries = await runnableBinaries(cluster.account);
  await endLeftover(cluster.pgdata);
  await initialise(cluster, binaries);
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const started = await run(cluster, binaries, port, options);
    if (typeof started !== "string") return started;
    // A free port may be taken meanwhile, and the children of a killed server need a moment to end.
    if (attempt === 5) throw new Error(`embedded PostgreSQL didn't start: ${started}`);
    await sleep(300);
  }
}

/** The running server, or why it ended instead. */
async function run(
  cluster: Cluster,
  binaries: string,
  port: number,
  { durable = true, logger, environment = {} }: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres | string> {
  const settings = Object.entries({ ...SETTINGS, ...(durable ? {} : UNSAFE_SETTINGS), port });
  const child = spawn(
    join(binaries, "bin/postgres"),
    ["-D", cluster.pgdata, ...settings.flatMap(([key, value]) => ["-c", `${key}=${value}`])],
    // A group of its own: Ctrl-C in the terminal must not end the database before those who use it.
    {
      ...cluster.account,
      cwd: "/",
      env: { ...CHILD_ENV, ...environment },
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const { ready, ended } = watch(child, logger);
  const failure = await Promise.race([ready, ended]);
  if (failure !== null) return failure;
  const url = `postgres://berth:${cluster.password}@127.0.0.1:${port}/berth`;
  const alive = () => child.exitCode === null && child.signalCode === null;
  const stop = async () => {
    if (child.pid !== undefined) await endPostgres(child.pid, alive);
  };
  // SIGQUIT and not SIGKILL, after which its children would go on for a while.
  return { url, port, stop, kill: () => void child.kill("SIGQUIT"), ended };
}

function watch(child: ChildProcess, logger: EmbeddedPostgresOptions["logger"]) {
  const lastLines: string[] = [];
  const ready = new Promise<null>((resolve) => {
    if (!child.stderr) return;
    createInterface({ input: child.stderr }).on("line", (line) => {
      logger?.debug(line);
      if (lastLines.push(line) > 10) lastLines.shift();
      if (/database system is ready to accept (read-only )?connections/.test(line)) resolve(null);
    });
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", () => resolve(lastLines.slice(-3).join("; ")));
    // If it was killed its children keep the pipe open for as long as they please.
    child.once("exit", () => setTimeout(() => resolve(lastLines.slice(-3).join("; ")), 500));
  });
  return { ready, ended };
}

/** For a laptop: durable, with room for many connections and little memory. */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: 400,
  shared_buffers: "64MB",
  max_wal_size: "256MB",
  huge_pages: "off",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
};

const UNSAFE_SETTINGS = { fsync: "off", full_page_writes: "off" };
