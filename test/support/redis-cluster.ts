import { freePort } from "@berth/standalone/postgres/free-port";
import { Redis } from "ioredis";
import { startRedis } from "./redis.js";

const SLOTS = 16_384;

/** A Redis Cluster of three nodes, each with a third of the slots. */
export interface RedisCluster {
  url: string;
  ports: readonly number[];
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startRedisCluster(): Promise<RedisCluster> {
  const extra = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
  // By default it is the port + 10,000, which may be beyond the last.
  const buses = [await freePort(), await freePort(), await freePort()];
  const servers = await Promise.all(
    buses.map((bus) => startRedis({ extra: [...extra, "--cluster-port", String(bus)] })),
  );
  const clients = servers.map((server) => new Redis(server.url));
  const [first] = servers;
  for (const [n, client] of clients.entries()) {
    const from = Math.ceil((n * SLOTS) / clients.length);
    const to = Math.ceil(((n + 1) * SLOTS) / clients.length) - 1;
    await client.call("CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
    if (n > 0) await client.call("CLUSTER", "MEET", "127.0.0.1", String(first!.port), String(buses[0]));
  }
  for (const client of clients) while (!(await agrees(client)));
  for (const client of clients) client.disconnect();
  return {
    url: `redis+cluster://${servers.map((server) => `127.0.0.1:${server.port}`).join(",")}`,
    ports: servers.map((server) => server.port),
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

async function agrees(client: Redis): Promise<boolean> {
  const info = (await client.call("CLUSTER", "INFO")) as string;
  return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3");
}
