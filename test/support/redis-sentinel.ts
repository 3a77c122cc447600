import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@berth/standalone/postgres/free-port";
import { Redis } from "ioredis";
import { ensureCommands } from "./apt.js";
import { startRedis, type TestRedis, type TestRedisOptions } from "./redis.js";

/** What the Sentinels call the primary. */
const NAME = "berth";

/** A primary, a replica, and three Sentinels that watch them. */
export interface RedisSentinels {
  url: string;
  /** Ports of the Sentinels. */
  ports: readonly number[];
  /** The first primary, and its replica. */
  servers: readonly TestRedis[];
  primaryPort(): Promise<number>;
  /** Of the replica, as long as the roles haven't been swapped. */
  replicaPort: number;
  /** Asks them once to swap the roles: they refuse while the last swap is fresh, or where no replica is well. */
  askToFailOver(): Promise<void>;
  /** Asks the Sentinels to swap the roles; resolves when they have. */
  failOver(): Promise<void>;
  /** Sends the primary a signal (SIGKILL ends it, SIGSTOP freezes it); resolves when the Sentinels have another. */
  losePrimary(signal: NodeJS.Signals): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startRedisSentinels({
  downAfterMs = 1_000,
  logs,
  ...options
}: Pick<TestRedisOptions, "durable" | "parent"> & {
  /** How long a primary must be silent before the Sentinels take it for down. */
  downAfterMs?: number;
  /** The directory for their logs; absent: they keep none. */
  logs?: string;
} = {}): Promise<RedisSentinels> {
  const primary = await startRedis(options);
  const replica = await startRedis({ ...options, extra: ["--replicaof", `127.0.0.1 ${primary.port}`] });
  const servers: TestRedis[] = [primary, replica];
  const directory = await mkdtemp(join(tmpdir(), "sentinel-"));
  const started = await Promise.all(
    [0, 1, 2].map((n) => startSentinel({ directory, n, primaryPort: primary.port, downAfterMs, logs })),
  );
  const asked = new Redis(started[0]!.port, "127.0.0.1");
  // It may be asked before it listens.
  asked.on("error", () => undefined);
  const primaryPort = async (): Promise<number> => {
    const answer = (await asked.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)) as [string, string];
    return Number(answer[1]);
  };
  /** Until all of them know of each other and of the replica. */
  const settled = async (): Promise<void> => {
    for (;;) {
      const fields = (await asked.call("SENTINEL", "MASTER", NAME)) as string[];
      const of = (name: string) => fields[fields.indexOf(name) + 1];
      if (of("num-other-sentinels") === "2" && of("num-slaves") === "1" && of("flags") === "master") return;
    }
  };
  const changed = async (from: number): Promise<void> => {
    while ((await primaryPort()) === from);
  };
  await settled();
  return {
    url: `redis+sentinel://${started.map(({ port }) => `127.0.0.1:${port}`).join(",")}/${NAME}`,
    ports: started.map(({ port }) => port),
    servers,
    primaryPort,
    replicaPort: replica.port,
    askToFailOver: async () => void (await asked.call("SENTINEL", "FAILOVER", NAME).catch(() => null)),
    async failOver() {
      const from = await primaryPort();
      // It refuses until the replica has been heard of, and while the last one is fresh.
      while ((await asked.call("SENTINEL", "FAILOVER", NAME).catch(() => null)) === null);
      await changed(from);
    },
    async losePrimary(signal) {
      const from = await primaryPort();
      servers.find((server) => server.port === from)!.signal(signal);
      await changed(from);
    },
    async [Symbol.asyncDispose]() {
      asked.disconnect();
      for (const { child } of started) await end(child);
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startSentinel({
  directory,
  n,
  primaryPort,
  downAfterMs,
  logs,
}: {
  directory: string;
  n: number;
  primaryPort: number;
  downAfterMs: number;
  logs: string | undefined;
}) {
  const port = await freePort();
  const file = join(directory, `${n}.conf`);
  await writeFile(
    file,
    [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${directory}`,
      `sentinel monitor ${NAME} 127.0.0.1 ${primaryPort} 2`,
      `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${NAME} 6000`,
      ...(logs === undefined ? [] : [`logfile ${join(logs, `sentinel-${n}.log`)}`]),
      "",
    ].join("\n"),
  );
  const { "redis-server": command } = await ensureCommands({ "redis-server": "redis-server" });
  const child = spawn(command, [file, "--sentinel"], { cwd: directory, detached: true, stdio: "ignore" });
  return { port, child };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
