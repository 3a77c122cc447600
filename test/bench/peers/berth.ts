import { randomUUID } from "node:crypto";
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { readConfig } from "@berth/core/config/config";
import { insertEvents } from "@berth/core/db/events";
import { listen } from "@berth/core/db/listen";
import { migrate } from "@berth/core/db/migrate";
import { unfinishedOf } from "@berth/core/db/operations";
import { groupedTransaction } from "@berth/core/db/group-commit";
import { createPool } from "@berth/core/db/pool";
import { FINISHED_CHANNEL } from "@berth/core/db/words";
import { openQueues } from "@berth/core/queues/producer";
import { dispatch, isNext, lockWorkspace, requestedEvent } from "@berth/core/requests/accept";
import { enqueue } from "@berth/core/requests/enqueue";
import { now } from "../frame/run.js";
import type { Run } from "../peer-worker.js";
import { endAll, type Place, type System } from "./systems.js";

const BY = { source: "api", requestedBy: "bench" } as const;

/**
 * Berth's built worker as it is, with backend `external`, whose provision asks no provider. What is accepted is accepted as a
 * request is: gate, workspace, what is unfinished, ticket, event, commit, job; without counting equal ones together.
 */
export async function openBerth({ redisUrl, databaseUrl, keys, workers: count }: Place): Promise<System> {
  await migrate(databaseUrl);
  const settings = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    BERTH_SECRET: "bench-secret-0123456789-0123456789-0123456789",
    BERTH_BACKENDS: "external",
    BERTH_CONCURRENCY: "100",
    BERTH_QUEUE_PREFIX: `{bench-${randomUUID()}}`,
  };
  const pool = createPool(databaseUrl);
  const queues = await openQueues(readConfig("worker", settings), console.error);
  const ids = Array.from({ length: keys }, () => randomUUID());
  await pool.query(
    `with made as (insert into workspaces (id, name, backend, spec, status)
       select id, 'bench', 'external', '{}', 'provisioning' from unnest($1::uuid[]) id returning id)
     insert into gates (workspace_id) select id from made`,
    [ids],
  );
  const endedAt = new Map<string, number>();
  const listener = listen(databaseUrl, [FINISHED_CHANNEL], {
    notification: (_channel, id) => void endedAt.set(id, now()),
    connected: () => undefined,
    error: console.error,
  });
  const start = () => Promise.all(Array.from({ length: count }, () => startWorker(settings)));
  let workers = await start();
  const seqs = new Map<string, number>();
  return {
    keys: ids,
    workerPids: workers.map(({ pid }) => pid!),
    async add(id, seq) {
      const { operation, next } = await groupedTransaction(pool, { queue: id, alone: [id] }, async (tx) => {
        const [{ gate }] = await Promise.all([lockWorkspace(tx, id), unfinishedOf(tx, [id])]);
        const made = await enqueue(tx, { maxAttempts: 3 }, id, "provision", BY);
        await insertEvents(tx, [requestedEvent(made, BY)]);
        return { operation: made, next: isNext(gate, made) };
      });
      seqs.set(operation.id, seq);
      await dispatch(queues.dispatcher, operation, next);
    },
    ended: () => endedAt.size,
    async runs() {
      const { rows } = await pool.query<Run & { id: string }>(
        `select id, workspace_id as key, extract(epoch from started_at)::float8 * 1000 as start,
           extract(epoch from finished_at)::float8 * 1000 as done from operations where state = 'succeeded'`,
      );
      return rows.map((row) => ({
        ...row,
        seq: seqs.get(row.id) ?? -1,
        recorded: endedAt.get(row.id) ?? NaN,
      }));
    },
    async replaceWorkers() {
      await endAll(workers, "SIGKILL");
      workers = await start();
    },
    async close() {
      await endAll(workers, "SIGTERM");
      await listener.close();
      await queues.close();
      await pool.end();
    },
  };
}

/** Resolves when it takes work. */
async function startWorker(settings: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const main = fileURLToPath(new URL("../../../apps/worker/dist/main.js", import.meta.url));
  const worker = spawn(process.execPath, [main], {
    env: { ...process.env, ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: worker.stdout });
  for await (const line of lines) if (line.includes("worker started")) break;
  worker.stdout.resume();
  return worker;
}
