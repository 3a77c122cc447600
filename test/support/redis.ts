import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "@berth/standalone/postgres/free-port";
import { Redis } from "ioredis";
import { ensureCommands } from "./apt.js";

export interface TestRedis {
  url: string;
  port: number;
  /** Where it keeps its data, if it is `durable`. */
  directory: string;
  /** FLUSHALL: everything that Redis knows is lost. */
  flush(): Promise<void>;
  /** Ends the server; connections break and new ones are refused until `start`. */
  stop(): Promise<void>;
  /** Sends the server a signal: SIGKILL ends it without a goodbye, SIGSTOP freezes it until SIGCONT. */
  signal(name: NodeJS.Signals): void;
  /** Starts it again on the same port, with its data only if it is `durable`. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestRedisOptions {
  /** Without it, it forgets all when it stops. */
  durable?: boolean;
  /** Where its directory is made; default: the temporary directory. */
  parent?: string;
  /** More of redis-server's own, each `--name value`. */
  extra?: readonly string[];
  /** What to start instead of this machine's redis-server. */
  command?: string | undefined;
}

/** A Redis of one's own, for tests that flush or stop it. */
export async function startRedis({
  durable = false,
  parent = tmpdir(),
  extra = [],
  command,
}: TestRedisOptions = {}): Promise<TestRedis> {
  const directory = await mkdtemp(join(parent, "redis-"));
  let port = await freePort();
  let child: ChildProcess | null = null;
  const start = async () => {
    child ??= await launch(command ?? (await installedRedis()), directory, port, durable, extra);
  };
  const stop = async () => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, "exit");
    ending.kill(durable ? "SIGTERM" : "SIGKILL");
    await ended;
  };
  // Somebody else may have taken the port since it was found free.
  const startAnywhere = (tries: number): Promise<void> =>
    start().catch(async (error: unknown) => {
      if (tries === 1 || !String(error).includes("Address already in use")) throw error;
      port = await freePort();
      return startAnywhere(tries - 1);
    });
  await startAnywhere(5);
  const url = `redis://127.0.0.1:${port}`;
  return {
    url,
    port,
    directory,
    start,
    stop,
    signal: (name) => void child?.kill(name),
    flush: async () => {
      const client = new Redis(url);
      await client.flushall().finally(() => client.disconnect());
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function installedRedis(): Promise<string> {
  const { "redis-server": command } = await ensureCommands({ "redis-server": "redis-server" });
  return command;
}

async function launch(
  command: string,
  directory: string,
  port: number,
  durable: boolean,
  extra: readonly string[],
): Promise<ChildProcess> {
  const persistence = durable ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
  // BullMQ warns of any other eviction policy.
  const policy = ["--maxmemory-policy", "noeviction", "--save", ""];
  const child = spawn(
    command,
    ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, ...policy, ...persistence, ...extra],
    // A group of its own: Ctrl-C ends the test runner, which then ends Redis.
    { cwd: directory, detached: true, stdio: ["ignore", "pipe", "ignore"] },
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
