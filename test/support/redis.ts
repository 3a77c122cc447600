import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { freePort } from "@berth/standalone/postgres/free-port";
import { Redis } from "ioredis";

const exec = promisify(execFile);

export interface TestRedis {
  url: string;
  port: number;
  /** FLUSHALL: everything that Redis knows is lost. */
  flush(): Promise<void>;
  /** Ends the server; connections break and new ones are refused until `start`. */
  stop(): Promise<void>;
  /** Starts it again on the same port, with its data only if it is `durable`. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A Redis of one's own, for tests that flush or stop it. Without `durable` it forgets all when it stops. */
export async function startRedis({ durable = false } = {}): Promise<TestRedis> {
  await ensureRedisServer();
  const directory = await mkdtemp(join(tmpdir(), "redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  const start = async () => {
    child ??= await launch(directory, port, durable);
  };
  const stop = async () => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    ending.kill(durable ? "SIGTERM" : "SIGKILL");
    await once(ending, "exit");
  };
  await start();
  return {
    url,
    port,
    start,
    stop,
    flush: async () => {
      const client = new Redis(url);
      await client.flushall();
      client.disconnect();
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function launch(directory: string, port: number, durable: boolean): Promise<ChildProcess> {
  const persistence = durable ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
  // BullMQ warns of any other eviction policy.
  const policy = ["--maxmemory-policy", "noeviction", "--save", ""];
  const child = spawn(
    "redis-server",
    ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, ...policy, ...persistence],
    // A group of its own: Ctrl-C ends the test runner, which then ends Redis.
    { cwd: directory, detached: true, stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server ended: ${lines.join("\n")}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      if (line.includes("Ready to accept connections")) resolve();
    });
  });
  return child;
}

/** Finds `redis-server`, or as root on Debian installs it. */
export async function ensureRedisServer(): Promise<void> {
  const found = async () => {
    await exec("redis-server", ["--version"]);
  };
  try {
    return await found();
  } catch {
    if (process.getuid?.() !== 0) {
      throw new Error(
        "the tests need redis-server on the PATH: install it (Debian: redis-server)",
      );
    }
  }
  // RUNLEVEL=1 keeps the package from starting a server of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const install = ["install", "-y", "--no-install-recommends", "redis-server"];
  try {
    await exec("apt-get", install, { env }).catch(async () => {
      await exec("apt-get", ["update"], { env });
      await exec("apt-get", install, { env });
    });
    await found();
  } catch (error) {
    throw new Error("the tests need redis-server on the PATH, and apt-get couldn't install it", {
      cause: error,
    });
  }
}
