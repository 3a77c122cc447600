import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { startRedis, type TestRedis } from "../../support/redis.js";
import type { LinkTarget } from "./link.js";

/** For how long a replica may copy what its primary has, in ms. */
const COPY_LIMIT_MS = 10_000;

/**
 * A replica takes the place of the Redis that there is, which becomes its replica: new connections are led to it, those
 * that there are stay where they are and are refused what they write. `back` does the same the other way round.
 * @param targets where links to Redis lead
 * @throws if the two can't be brought to agree in time
 */
export async function failOver(redis: TestRedis, targets: LinkTarget[]): Promise<{ back(): Promise<void> }> {
  // Without an AOF of its own: a replica that writes its first one ignores SIGTERM.
  const other = await startRedis();
  const servers = [redis, other].map(({ port }) => new Redis(port, "127.0.0.1", { maxRetriesPerRequest: 1 }));
  for (const server of servers) server.on("error", () => undefined);
  const [first, second] = servers as [Redis, Redis];
  const copy = async (from: number, to: Redis) => {
    await to.replicaof("127.0.0.1", from);
    for (const until = Date.now() + COPY_LIMIT_MS; ; await delay(20)) {
      if ((await to.info("replication")).includes("master_link_status:up")) return;
      if (Date.now() > until) throw new Error("a replica of Redis doesn't catch up");
    }
  };
  const swap = async (port: number, [primary, replica]: [Redis, Redis]) => {
    await replica.replicaof("NO", "ONE");
    targets[0] = port;
    await copy(port, primary);
  };
  const close = async () => {
    for (const server of servers) server.disconnect();
    await other[Symbol.asyncDispose]();
  };
  try {
    await copy(redis.port, second);
    await swap(other.port, [first, second]);
  } catch (error) {
    await first.replicaof("NO", "ONE").catch(() => undefined);
    targets[0] = redis.port;
    await close();
    throw error;
  }
  return {
    async back() {
      await swap(redis.port, [second, first]);
      await close();
    },
  };
}
