import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Run } from "../peer-worker.js";
import { peer } from "./install.js";
import type { BullMq, Dbos, Graphile, GroupMq, IoRedis, PgBoss } from "./types.js";

/** Something that runs work of many keys, no two of one key at once. */
export interface System {
  /** Names that work may have as its key. */
  keys: readonly string[];
  workerPids: readonly number[];
  /** Accepts work. Resolves when it is as durable as this system makes it. */
  add(key: string, seq: number): Promise<unknown>;
  /** What has run, and is recorded as ended. */
  runs(): readonly Run[] | Promise<readonly Run[]>;
  /** How many ended, cheaply. */
  ended(): number;
  /** Kills all workers, in the middle of whatever they do, and starts as many anew. */
  replaceWorkers(): Promise<void>;
  close(): Promise<void>;
}

export interface Place {
  folder: string;
  redisUrl: string;
  /** Of an empty database. */
  databaseUrl: string;
  keys: number;
  workers: number;
}

interface Producer {
  add: System["add"];
  close(): Promise<void>;
}

export const PEERS: Record<string, { store: "redis" | "postgres"; open(place: Place): Promise<Producer> }> = {
  bullmq: {
    store: "redis",
    async open({ folder, redisUrl }) {
      const { Queue } = await peer<BullMq>(folder, "bullmq");
      const queue = new Queue("plain", { connection: { url: redisUrl } });
      return {
        add: (key, seq) => queue.add("noop", { key, seq }, { removeOnComplete: true }),
        close: () => queue.close(),
      };
    },
  },
  groupmq: {
    store: "redis",
    async open({ folder, redisUrl }) {
      const [{ Queue }, { Redis }] = [
        await peer<GroupMq>(folder, "groupmq"),
        await peer<IoRedis>(folder, "ioredis"),
      ];
      const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
      const queue = new Queue({ redis, namespace: "bench" });
      return {
        add: (key, seq) => queue.add({ groupId: key, data: { key, seq } }),
        close: async () => redis.disconnect(),
      };
    },
  },
  graphile: {
    store: "postgres",
    async open({ folder, databaseUrl }) {
      const { makeWorkerUtils } = await peer<Graphile>(folder, "graphile-worker");
      const utils = await makeWorkerUtils({ connectionString: databaseUrl, maxPoolSize: 20 });
      await utils.migrate();
      return {
        add: (key, seq) => utils.addJob("noop", { key, seq }, { queueName: key }),
        close: async () => utils.release(),
      };
    },
  },
  pgboss: {
    store: "postgres",
    async open({ folder, databaseUrl }) {
      const { PgBoss: Boss } = await peer<PgBoss>(folder, "pg-boss");
      const boss = new Boss({ connectionString: databaseUrl, max: 20, supervise: false, schedule: false });
      boss.on("error", console.error);
      await boss.start();
      await boss.createQueue("noop", { policy: "key_strict_fifo" });
      return {
        add: (key, seq) => boss.send("noop", { key, seq }, { singletonKey: key }),
        close: () => boss.stop({ graceful: false }),
      };
    },
  },
  dbos: {
    store: "postgres",
    async open({ folder, databaseUrl }) {
      const { DBOSClient } = await peer<Dbos>(folder, "@dbos-inc/dbos-sdk");
      let client: Awaited<ReturnType<Dbos["DBOSClient"]["create"]>> | undefined;
      const options = { queueName: "bench", workflowName: "noop", appVersion: "1" };
      return {
        async add(key, seq) {
          // Its worker makes the tables.
          client ??= await DBOSClient.create({
            systemDatabaseUrl: databaseUrl,
            systemDatabasePoolSize: 20,
            applicationName: "bench",
          });
          await client.enqueue({ ...options, queuePartitionKey: key }, key, seq);
        },
        close: async () => client?.destroy(),
      };
    },
  },
};

/** A peer with its worker processes. */
export async function openPeer(name: string, place: Place): Promise<System> {
  const { store, open } = PEERS[name]!;
  const producer = await open(place);
  const url = store === "redis" ? place.redisUrl : place.databaseUrl;
  const runs: Run[] = [];
  const start = () =>
    Promise.all(
      Array.from({ length: place.workers }, () =>
        startPeerWorker(name, place.folder, url, (more) => runs.push(...more)),
      ),
    );
  let workers = await start();
  return {
    keys: Array.from({ length: place.keys }, (_, n) => `key-${n}`),
    workerPids: workers.map(({ pid }) => pid!),
    add: producer.add,
    runs: () => runs,
    ended: () => runs.length,
    async replaceWorkers() {
      await endAll(workers, "SIGKILL");
      workers = await start();
    },
    async close() {
      await endAll(workers, "SIGKILL");
      await producer.close().catch(() => undefined);
    },
  };
}

/** Resolves when they have ended. */
export async function endAll(children: readonly ChildProcess[], signal: NodeJS.Signals): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      child.kill(signal);
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }),
  );
}

/** Resolves when it takes work. */
async function startPeerWorker(
  name: string,
  folder: string,
  url: string,
  ran: (runs: Run[]) => void,
): Promise<ChildProcess> {
  const file = fileURLToPath(new URL("../peer-worker.ts", import.meta.url));
  const worker = fork(file, [name, folder, url], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  worker.on("message", (message: { runs?: Run[] }) => ran(message.runs ?? []));
  await Promise.race([
    once(worker, "message"),
    once(worker, "exit").then(() => Promise.reject(new Error(`the worker of ${name} ended`))),
  ]);
  return worker;
}
