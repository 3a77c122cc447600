import { randomUUID } from "node:crypto";
import { readConfig, type WorkerConfig } from "@berth/core/config/config";
import type { Pool } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import type { RequestContext } from "@berth/core/requests/accept";
import { openQueues, type Queues } from "@berth/core/queues/producer";
import { startWorker, type RunningWorker, type WorkerDeps } from "@berth/worker/start";
import { createRecordedBackend, type ProviderFaults, type RecordedBackend } from "./recorded-backend.js";
import { createTestDatabase, type TestDatabase } from "./postgres.js";

/** Settings under which a test of the whole fleet ends soon; durations in ms. */
export const QUICK: Readonly<Record<string, string>> = {
  BERTH_RETRY_DELAY_MS: "20",
  BERTH_RETRY_MAX_DELAY_MS: "200",
  BERTH_SWEEP_DISPATCH_EVERY_MS: "500",
  BERTH_SWEEP_BULK_EVERY_MS: "500",
  // A test that wants one of these asks for it.
  BERTH_SWEEP_DOCKER_ORPHANS_EVERY_MS: "3600000",
  BERTH_SWEEP_LEAKED_INSTANCES_EVERY_MS: "3600000",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "3600000",
  BERTH_SWEEP_LIVENESS_EVERY_MS: "3600000",
  BERTH_SWEEP_PROVISIONING_TIMEOUT_EVERY_MS: "3600000",
  BERTH_SWEEP_IDLE_HIBERNATION_EVERY_MS: "3600000",
  BERTH_SWEEP_EXPIRY_EVERY_MS: "3600000",
  BERTH_SWEEP_DRAIN_EVERY_MS: "3600000",
  BERTH_WEBHOOKS_EVERY_MS: "50",
  BERTH_STALLED_EVERY_MS: "1000",
  BERTH_LEASE_MS: "3000",
  BERTH_LOCK_MS: "2000",
  BERTH_SHUTDOWN_GRACE_MS: "3000",
  BERTH_CALL_TIMEOUT_MS: "5000",
  // A test's one caller asks as fast as it can, on a machine that other tests keep busy.
  BERTH_LIMIT_READS_PER_S: "0",
  BERTH_LIMIT_WRITES_PER_S: "0",
  BERTH_LIMIT_BAD_KEYS_PER_MIN: "0",
  BERTH_OVERLOAD_LOOP_DELAY_MS: "0",
  BERTH_OVERLOAD_POOL_WAIT_MS: "8000",
  // As other unclaimed things: what is held for days is a test of its own.
  BERTH_LEAK_VOLUME_GRACE_DAYS: "0",
  LOG_LEVEL: "silent",
};

/** The environment of one process of a fleet. `redisUrl` null: BullMQ runs on PostgreSQL. */
export function fleetEnvironment(
  databaseUrl: string,
  redisUrl: string | null,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    NODE_ENV: "test",
    DATABASE_URL: databaseUrl,
    ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    BERTH_ADMIN_KEY: "test-admin-key-0123456789",
    BERTH_SECRET: "test-secret-0123456789-0123456789-0123456789",
    BERTH_QUEUE_PREFIX: `{${/([^/?]*)(\?.*)?$/.exec(databaseUrl)![1]}}`,
    BERTH_BACKENDS: "process",
    ...QUICK,
    ...extra,
  };
}

/** A database, queues, and workers in this process on a provider that records every call. */
export interface Fleet {
  database: TestDatabase;
  pool: Pool;
  config: WorkerConfig;
  queues: Queues;
  context: RequestContext;
  backend: RecordedBackend;
  startWorker(deps?: Partial<WorkerDeps>): RunningWorker;
  close(): Promise<void>;
}

export async function startFleet(options: {
  redisUrl: string | null;
  env?: Readonly<Record<string, string>>;
  faults?: Partial<ProviderFaults>;
  database?: TestDatabase;
}): Promise<Fleet> {
  const database = options.database ?? (await createTestDatabase());
  const config = readConfig("worker", fleetEnvironment(database.url, options.redisUrl, options.env));
  const logger = createLogger(config, "test");
  const queues = await openQueues(config, () => undefined, database.pool);
  const backend = await createRecordedBackend(database.pool, options.faults);
  const workers: RunningWorker[] = [];
  return {
    database,
    pool: database.pool,
    config,
    queues,
    backend,
    context: { pool: database.pool, dispatcher: queues.dispatcher, maxAttempts: config.retryAttempts },
    startWorker(deps = {}) {
      const worker = startWorker({
        config,
        pool: database.pool,
        queues,
        backends: new Map([["process", backend]]),
        logger,
        ...deps,
      });
      workers.push(worker);
      return worker;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await queues.close();
      await database.drop();
    },
  };
}

export const BY_TEST = { source: "api", requestedBy: "test" } as const;

/** What `createWorkspace` takes for a workspace that the recorded backend runs. */
export function newWorkspace(name = `w-${randomUUID().slice(0, 8)}`, parentId: string | null = null) {
  return {
    name,
    parent_id: parentId,
    backend: "process" as const,
    spec: { command: ["true"], readiness: "running" as const },
    labels: {},
    hibernate_after_minutes: null,
    expires_at: null,
  };
}
