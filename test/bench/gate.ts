/**
 * The price of the serial gate: no-op operations (request, claim, finish) a second against plain BullMQ jobs in
 * the same run, on a durable PostgreSQL and Redis of its own, and what an operation waits at a fixed rate.
 * `node --import tsx --conditions=source test/bench/gate.ts [jobs] [rate per second]`
 */
import { mkdtemp, rm, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readConfig } from "@berth/core/config/config";
import { migrate } from "@berth/core/db/migrate";
import { createPool } from "@berth/core/db/pool";
import { createGate } from "@berth/core/gate/gate";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { operationsQueue, type OperationJob } from "@berth/core/queues/names";
import { openQueues } from "@berth/core/queues/producer";
import { openWorker } from "@berth/core/queues/worker";
import { startEmbeddedPostgres } from "@berth/standalone/embedded-postgres";
import { createProcessor } from "@berth/worker/processor";
import { Queue, Worker } from "bullmq";
import { startRedis } from "../support/redis.js";

const JOBS = Number(process.argv[2] ?? 4_000);
const RATE = Number(process.argv[3] ?? 200);
const CONCURRENCY = 100;
const LATENCY_SECONDS = 10;
const BY = { source: "api", requestedBy: "bench" } as const;

const directory = await mkdtemp(join(tmpdir(), "bench-"));
await chmod(directory, 0o711);
const postgres = await startEmbeddedPostgres({ dataDir: directory, durable: true });
const redis = await startRedis();
await migrate(postgres.url);
const config = readConfig("worker", {
  DATABASE_URL: postgres.url,
  REDIS_URL: redis.url,
  BERTH_SECRET: "bench-secret-0123456789-0123456789-0123456789",
  BERTH_BACKENDS: "process",
});
const pool = createPool(postgres.url, { max: 30 });
const queues = await openQueues(config, console.error);
const gate = createGate({ pool, dispatcher: queues.dispatcher, owner: "bench", leaseMs: 60_000 });
const context = { pool, dispatcher: queues.dispatcher, maxAttempts: 3 };

const finishedAt = new Map<string, number>();
let onFinished = () => {};
const startGateWorker = () =>
  openWorker<OperationJob>(
    config,
    operationsQueue("process"),
    createProcessor({
      gate,
      shutdown: new AbortController().signal,
      place: "process",
      serves: () => true,
      parkMs: config.parkMs,
      async run({ operation, hold }) {
        await gate.finish({
          hold,
          state: "succeeded",
          error: null,
          status: "online",
          statusReason: null,
          events: [],
        });
        finishedAt.set(operation.id, performance.now());
        onFinished();
        return { kind: "succeeded" };
      },
    }),
    { concurrency: CONCURRENCY, onError: console.error },
  );
const finished = (count: number) =>
  new Promise<void>((resolve) => {
    onFinished = () => {
      if (finishedAt.size >= count) resolve();
    };
    onFinished();
  });

/** Runs `work` for each of `count`, a few at a time. */
async function spread(count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 30 }, lane));
}

const perSecond = (count: number, began: number) => Math.round(count / ((performance.now() - began) / 1_000));
const percentile = (sorted: number[], share: number) => sorted[Math.floor(sorted.length * share)]!.toFixed(1);

const plain = await plainBullMq();
console.log(`plain BullMQ, add and process:            ${plain} jobs/s`);

const workspaces: string[] = [];
let began = performance.now();
await spread(JOBS, async () => {
  workspaces.push((await createWorkspace(context, input(), BY)).workspace.id);
});
console.log(`requests alone (create a workspace):      ${perSecond(JOBS, began)} /s`);

began = performance.now();
let worker = startGateWorker();
await finished(JOBS);
const through = perSecond(JOBS, began);
console.log(
  `gate, claim and finish:                   ${through} operations/s, ${(through / plain).toFixed(2)} of plain`,
);

finishedAt.clear();
began = performance.now();
await spread(JOBS, (n) => requestRestart(context, workspaces[n]!, BY));
await finished(JOBS);
const whole = perSecond(JOBS, began);
console.log(
  `gate, request, claim and finish at once:  ${whole} operations/s, ${(whole / plain).toFixed(2)} of plain`,
);

finishedAt.clear();
const asked = new Map<string, number>();
const requests: Promise<void>[] = [];
began = performance.now();
for (let n = 0; n < RATE * LATENCY_SECONDS; n++) {
  await delay(Math.max(0, began + (n * 1_000) / RATE - performance.now()));
  const at = performance.now();
  requests.push(
    requestRestart(context, workspaces[n % JOBS]!, BY).then(
      ({ operation }) => void asked.set(operation.id, at),
    ),
  );
}
await Promise.all(requests);
await finished(asked.size);
const waits = [...asked].map(([id, at]) => finishedAt.get(id)! - at).toSorted((a, b) => a - b);
console.log(
  `request to finished at ${RATE}/s:             p50 ${percentile(waits, 0.5)} ms, p99 ${percentile(waits, 0.99)} ms`,
);

await worker.close(5_000);
await queues.close();
await pool.end();
await redis[Symbol.asyncDispose]();
await postgres.stop();
await rm(directory, { recursive: true, force: true });

function input() {
  return {
    name: "bench",
    parent_id: null,
    backend: "process" as const,
    spec: { command: ["true"] },
    labels: {},
    hibernate_after_minutes: null,
    expires_at: null,
  };
}

/** Jobs a second that BullMQ adds one by one, as requests do, and carries with nothing to do. */
async function plainBullMq(): Promise<number> {
  const connection = { url: redis.url };
  const queue = new Queue("plain", { connection });
  let done = 0;
  let finish = () => {};
  const all = new Promise<void>((resolve) => (finish = resolve));
  const start = performance.now();
  const plainWorker = new Worker(
    "plain",
    async () => {
      if (++done === JOBS) finish();
    },
    { connection: { ...connection, maxRetriesPerRequest: null }, concurrency: CONCURRENCY },
  );
  await spread(JOBS, (n) => queue.add("noop", { n }, { removeOnComplete: true }));
  await all;
  const rate = perSecond(JOBS, start);
  await plainWorker.close();
  await queue.close();
  return rate;
}
