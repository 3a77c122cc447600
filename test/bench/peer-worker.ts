/** The worker process of a peer: `peer-worker.ts <system> <folder> <url>`. Says over IPC what it began and ended. */
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { peer } from "./peers/install.js";
import type { BullMq, Dbos, Graphile, GroupMq, IoRedis, Job, PgBoss } from "./peers/types.js";

const [system = "", folder = "", url = ""] = process.argv.slice(2);
const CONCURRENCY = 100;

/** A piece of work that ran, in ms of this machine's monotonic clock. */
export interface Run extends Job {
  start: number;
  done: number;
  /** When its end was known to be recorded. */
  recorded: number;
}
let runs: Run[] = [];
const now = () => Number(process.hrtime.bigint()) / 1e6;
const work = async ({ key, seq }: Job): Promise<void> => {
  const start = now();
  await turn();
  open.set(`${key} ${seq}`, { key, seq, start, done: now(), recorded: NaN });
};
const open = new Map<string, Run>();
/** Its end is recorded by the system now. */
const ended = ({ key, seq }: Job): void => {
  runs.push({ ...open.get(`${key} ${seq}`)!, recorded: now() });
};
setInterval(() => {
  if (runs.length > 0) process.send!({ runs });
  runs = [];
}, 10);

const SYSTEMS: Record<string, () => Promise<void>> = {
  async bullmq() {
    const { Worker } = await peer<BullMq>(folder, "bullmq");
    const connection = { url, maxRetriesPerRequest: null };
    new Worker("plain", (job) => work(job.data), { connection, concurrency: CONCURRENCY }).on(
      "completed",
      (job) => ended(job.data),
    );
  },
  async groupmq() {
    const [{ Queue, Worker }, { Redis }] = [
      await peer<GroupMq>(folder, "groupmq"),
      await peer<IoRedis>(folder, "ioredis"),
    ];
    const queue = new Queue({ redis: new Redis(url, { maxRetriesPerRequest: null }), namespace: "bench" });
    const worker = new Worker({
      queue,
      concurrency: CONCURRENCY,
      handler: (job: { data: Job }) => work(job.data),
    });
    worker.on("completed", (job) => ended(job.data));
    void worker.run();
  },
  async graphile() {
    const { run, Logger } = await peer<Graphile>(folder, "graphile-worker");
    const { events } = await run({
      connectionString: url,
      maxPoolSize: 30,
      concurrency: CONCURRENCY,
      noHandleSignals: true,
      pollInterval: 200,
      logger: new Logger(() => () => undefined),
      taskList: { noop: (payload: Job) => work(payload) },
    });
    events.on("job:complete", ({ job }) => ended(job.payload));
  },
  async pgboss() {
    const { PgBoss: Boss } = await peer<PgBoss>(folder, "pg-boss");
    const boss = new Boss({
      connectionString: url,
      max: 20,
      supervise: false,
      schedule: false,
      migrate: false,
    });
    boss.on("error", console.error);
    await boss.start();
    // Its own loop asks twice a second at most; this one asks again at once while it finds work, in its favour.
    const lane = async (): Promise<never> => {
      for (;;) {
        const jobs = await boss.fetch("noop", { batchSize: CONCURRENCY });
        if (jobs.length === 0) await delay(5);
        else {
          await Promise.all(jobs.map((job) => work(job.data)));
          await boss.complete(
            "noop",
            jobs.map((job) => job.id),
          );
          for (const job of jobs) ended(job.data);
        }
      }
    };
    for (let n = 0; n < 2; n++) void lane();
  },
  async dbos() {
    const { DBOS } = await peer<Dbos>(folder, "@dbos-inc/dbos-sdk");
    DBOS.setConfig({
      name: "bench",
      systemDatabaseUrl: url,
      systemDatabasePoolSize: 20,
      logLevel: "error",
      applicationVersion: "1",
    });
    DBOS.registerWorkflow(
      async (key, seq) => {
        await work({ key, seq });
        ended({ key, seq });
      },
      { name: "noop" },
    );
    await DBOS.launch();
    await DBOS.registerQueue("bench", {
      partitionConcurrency: 1,
      minPollingIntervalMs: 10,
      onConflict: "always_update",
    });
  },
};
await SYSTEMS[system]!();
process.send!("ready");
