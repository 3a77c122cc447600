import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { openRedis } from "@berth/core/base/redis";
import { expect, it, onTestFinished } from "vitest";

const INFO = "redis_version:7.0.0\r\nrole:master\r\nloading:0";

/** Speaks as much of Redis as a client asks at first. Its first connection leads to a node that refuses all else. */
async function openNodes(refusal: string): Promise<{ url: string; connections(): number }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const isWrong = sockets.push(socket) === 1;
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      // Each command is an array of texts, and comes whole.
      for (const [, name = ""] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        if (/^info$/i.test(name)) socket.write(`$${INFO.length}\r\n${INFO}\r\n`);
        else if (/^hello$/i.test(name)) socket.write("-ERR unknown command 'HELLO'\r\n");
        else if (/^client$/i.test(name)) socket.write("+OK\r\n");
        else socket.write(isWrong ? `-${refusal}\r\n` : ":1\r\n");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `redis://127.0.0.1:${port}`, connections: () => sockets.length };
}

const settings = { maxRetriesPerRequest: null, connectTimeout: 5_000 };

it.each([
  "READONLY You can't write against a read only replica.",
  "LOADING Redis is loading the dataset in memory",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "CLUSTERDOWN The cluster is down",
  "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
])(
  "a node that says %s is left, and what may wait is sent again where the address leads then",
  async (refusal) => {
    const nodes = await openNodes(refusal);
    const redis = openRedis(
      { redisUrl: nodes.url, redisCa: null },
      { ...settings, enableOfflineQueue: true },
      () => undefined,
    );
    onTestFinished(() => redis.disconnect());
    expect(await redis.incr("jobs")).toBe(1);
    expect(nodes.connections()).toBe(2);
  },
);

it("what may not wait is told of the wrong node, whose connection is left all the same", async () => {
  const nodes = await openNodes("READONLY You can't write against a read only replica.");
  const redis = openRedis(
    { redisUrl: nodes.url, redisCa: null },
    { ...settings, enableOfflineQueue: false },
    () => undefined,
  );
  onTestFinished(() => redis.disconnect());
  await once(redis, "ready");
  await expect(redis.incr("jobs")).rejects.toThrow("READONLY");
  await once(redis, "ready");
  expect(await redis.incr("jobs")).toBe(1);
});

it("any other refusal is an answer, and keeps the connection", async () => {
  const nodes = await openNodes("WRONGTYPE Operation against a key holding the wrong kind of value");
  const redis = openRedis(
    { redisUrl: nodes.url, redisCa: null },
    { ...settings, enableOfflineQueue: true },
    () => undefined,
  );
  onTestFinished(() => redis.disconnect());
  await expect(redis.incr("jobs")).rejects.toThrow("WRONGTYPE");
  expect(nodes.connections()).toBe(1);
});
