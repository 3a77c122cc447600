import { expect, it, vi } from "vitest";
import { operationsQueue, type OperationJob } from "@berth/core/queues/names";
import { openQueues } from "@berth/core/queues/producer";
import { openWorker } from "@berth/core/queues/worker";
import { startPostgres } from "../support/postgres.js";

it("a worker whose queue store is down when it starts works as soon as it is up (I6)", async () => {
  await using server = await startPostgres();
  const config = {
    databaseUrl: server.url,
    databaseListenUrl: null,
    redisUrl: null,
    redisCa: null,
    queuePrefix: "{test}",
    parkMs: 60_000,
    retryDelayMs: 100,
  };
  const queues = await openQueues(config, () => undefined);
  await server.stop();
  const errors: Error[] = [];
  const seen: string[] = [];
  const worker = openWorker<OperationJob>(
    config,
    operationsQueue("process"),
    async (job) => {
      seen.push(job.name);
    },
    { onError: (error) => errors.push(error) },
  );
  try {
    await vi.waitFor(() => expect(errors).not.toEqual([]));
    await server.start();
    const operation = {
      id: "00000000-0000-4000-8000-000000000001",
      workspace_id: "00000000-0000-4000-8000-000000000002",
      place: "process",
      ticket: 1,
      kind: "provision" as const,
      max_attempts: 1,
      requested_by: "test",
    };
    await vi.waitFor(() => queues.dispatcher.add(operation, "now"), { interval: 200 });
    await vi.waitFor(() => expect(seen).toEqual(["provision"]), { interval: 50 });
  } finally {
    await worker.close(2_000);
    await queues.close();
  }
});
