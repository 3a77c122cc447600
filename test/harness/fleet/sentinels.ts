import { Redis } from "ioredis";
import { startRedisSentinels } from "../../support/redis-sentinel.js";
import type { TestRedis } from "../../support/redis.js";
import type { FaultOf } from "../faults/fault.js";

/** A primary, its replica and three Sentinels, which Berth is led to by their URL and not over links. */
export interface FleetSentinels {
  url: string;
  /** The first primary, with its files. */
  redis: TestRedis;
  /** Does that to the primary of the moment. @returns what mends it; absent: nothing has to */
  strike(how: FaultOf<"redis">["how"]): Promise<(() => Promise<void>) | undefined>;
  close(): Promise<void>;
}

/** On a machine that is fully used a primary that is well may say nothing for a second or two. */
const DOWN_AFTER_MS = 4_000;

export async function startFleetSentinels(parent: string, logs: string): Promise<FleetSentinels> {
  const sentinels = await startRedisSentinels({ durable: true, parent, logs, downAfterMs: DOWN_AFTER_MS });
  const primary = async (): Promise<TestRedis> => {
    const port = await sentinels.primaryPort();
    return sentinels.servers.find((server) => server.port === port)!;
  };
  const flush = async (): Promise<void> => {
    const client = new Redis((await primary()).port, "127.0.0.1", { maxRetriesPerRequest: 1 });
    client.on("error", () => undefined);
    await client.flushall().finally(() => client.disconnect());
  };
  return {
    url: sentinels.url,
    redis: sentinels.servers[0]!,
    async strike(how) {
      const struck = await primary();
      switch (how) {
        case "flush":
          // It may be in the middle of a failover: then nothing is lost by it.
          await flush().catch(() => undefined);
          return undefined;
        case "failover":
          await sentinels.askToFailOver();
          return undefined;
        case "freeze":
          struck.signal("SIGSTOP");
          return async () => struck.signal("SIGCONT");
        case "stop":
        case "crash":
        case "older":
          struck.signal("SIGKILL");
          return async () => {
            await struck.stop();
            await struck.start();
          };
      }
    },
    close: () => sentinels[Symbol.asyncDispose](),
  };
}
