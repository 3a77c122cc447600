import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Redis } from "ioredis";
import { startRedis } from "./redis.js";

/** A primary and its replica behind one address, as a managed Redis or a load balancer has them. */
export interface RedisPair {
  /** Leads to whoever is the primary when a connection is made. */
  url: string;
  /** Swaps the two roles. New connections go to the new primary; those that there are stay where they are. */
  failOver(): Promise<void>;
  /** As `failOver`, but the address goes on to lead to the old primary until `follow`. */
  swapRoles(): Promise<void>;
  /** Has the address lead to the primary. */
  follow(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startRedisPair(): Promise<RedisPair> {
  const servers = [await startRedis(), await startRedis()];
  const clients = servers.map((server) => new Redis(server.url));
  const sockets = new Set<Socket>();
  let primary = 0;
  let target = 0;
  const proxy = createServer((near) => {
    const far = connect(servers[target]!.port, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => sockets.delete(one));
      one.pipe(other);
    }
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const replicate = async (replica: number): Promise<void> => {
    await clients[replica]!.replicaof("127.0.0.1", servers[1 - replica]!.port);
    while (!(await clients[replica]!.info("replication")).includes("master_link_status:up"));
  };
  await replicate(1);
  const swapRoles = async (): Promise<void> => {
    primary = 1 - primary;
    await clients[primary]!.replicaof("NO", "ONE");
    await replicate(1 - primary);
  };
  const follow = (): void => {
    target = primary;
  };
  return {
    url: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    swapRoles,
    follow,
    async failOver() {
      await swapRoles();
      follow();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.disconnect();
      proxy.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}
