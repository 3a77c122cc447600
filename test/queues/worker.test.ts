import { randomUUID } from "node:crypto";
import { describe, expect, inject, it, onTestFinished, vi } from "vitest";
import { openQueues } from "@berth/core/queues/producer";
import { operationsQueue, type OperationJob } from "@berth/core/queues/names";
import { openWorker } from "@berth/core/queues/worker";
import { createTestDatabase } from "../support/postgres.js";

const TRIES = 10;

describe.each(["redis", "postgres"] as const)("a worker of a queue on %s", (store) => {
  it("begins nothing that comes while it is closed: another carries it out (I6)", async () => {
    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    const config = {
      databaseUrl: database.url,
      databaseListenUrl: null,
      redisUrl: store === "redis" ? inject("redis").url : null,
      redisCa: null,
      queuePrefix: `{${randomUUID()}}`,
      parkMs: 60_000,
      retryDelayMs: 100,
    };
    const queues = await openQueues(config, () => undefined);
    onTestFinished(() => queues.close());
    const queue = operationsQueue("process");
    const begun: number[] = [];
    const open = (by: number) => {
      const worker = openWorker<OperationJob>(config, queue, async () => void begun.push(by), {
        onError: (error) => expect.soft(error.message).toBe(""),
      });
      onTestFinished(() => worker.close(5_000));
      return worker;
    };
    const add = (ticket: number) =>
      queues.dispatcher.add(
        {
          id: randomUUID(),
          workspace_id: randomUUID(),
          place: "process",
          ticket,
          kind: "provision",
          max_attempts: 1,
          requested_by: "test",
        },
        "now",
      );
    for (let by = 0; by < TRIES; by += 1) {
      const worker = open(by);
      await add(2 * by);
      await vi.waitFor(() => expect(begun).toEqual([by]), { interval: 10 });
      const closed = worker.close(5_000);
      await Promise.all([add(2 * by + 1), closed]);
      expect(begun).toEqual([by]);
      const other = open(-1);
      await vi.waitFor(() => expect(begun).toEqual([by, -1]), { interval: 10 });
      await other.close(5_000);
      begun.length = 0;
    }
  });
});
