import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@berth/standalone/postgres/free-port";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkRedis } from "@berth/core/queues/check-redis";
import { neededCommands } from "@berth/core/queues/redis-needs";
import { ensureCommands } from "../support/apt.js";
import { startRedis, type TestRedis } from "../support/redis.js";
import { startRedisCluster } from "../support/redis-cluster.js";
import { startRedisSentinels } from "../support/redis-sentinel.js";

const exec = promisify(execFile);
const FINE = { found: expect.any(String), unreachable: null, lacks: [], warnings: [] };
/** What docs/deployment.md gives. */
const DOCUMENTED = ["~{berth}:*", "+@all", "-@admin", "-@dangerous", "+info"];

const check = (redisUrl: string, queuePrefix = "{berth}") =>
  checkRedis({ redisUrl, redisCa: null, queuePrefix });

describe("the check of Redis at the start", () => {
  let redis: TestRedis;
  let admin: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    admin = new Redis(redis.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await redis[Symbol.asyncDispose]();
  });
  const asUser = async (...rules: string[]): Promise<string> => {
    await admin.call("ACL", "SETUSER", "berth", "reset", "on", ">p", ...rules);
    return redis.url.replace("//", "//berth:p@");
  };

  it("finds nothing amiss with a Redis as documented, and leaves nothing there", async () => {
    expect(await check(redis.url)).toEqual(FINE);
    expect((await check(redis.url)).found).toMatch(/^(Redis|Valkey) \d+\.\d+\.\d+, no append-only file$/);
    expect(await admin.dbsize()).toBe(0);
  });

  it("finds the rights in docs/deployment.md enough", async () => {
    expect(await check(await asUser(...DOCUMENTED))).toEqual(FINE);
    const docs = await readFile(new URL("../../docs/deployment.md", import.meta.url), "utf8");
    expect(docs).toContain(`ACL SETUSER berth on >password ${DOCUMENTED.join(" ")}`);
  });

  it("names each command and key that the user may not use, with the cure", async () => {
    expect((await check(await asUser(...DOCUMENTED, "-zadd", "-evalsha", "-bzpopmin"))).lacks).toEqual([
      expect.stringMatching(
        /^REDIS_URL: 127\.0\.0\.1:\d+ refuses this user zadd, bzpopmin, evalsha: .*\+zadd \+bzpopmin/,
      ),
    ]);
    expect((await check(await asUser(...DOCUMENTED), "{other}")).lacks).toEqual([
      expect.stringMatching(/refuses this user the keys \{other\}:\*: ACL SETUSER … ~\{other\}:\*$/),
    ]);
  });

  it("tells a wrong password from a Redis that isn't there", async () => {
    await asUser(...DOCUMENTED);
    const wrong = await check(redis.url.replace("//", "//berth:hunter2@"));
    expect(wrong.lacks).toEqual([expect.stringMatching(/^REDIS_URL: 127\S+ can't be used \(WRONGPASS/)]);
    expect(wrong.lacks[0]).not.toContain("hunter2");
    expect(await check("redis://:hunter2@127.0.0.1:1")).toEqual({
      ...FINE,
      found: null,
      unreachable: "REDIS_URL: 127.0.0.1:1 can't be used (connect ECONNREFUSED 127.0.0.1:1)",
    });
  });

  it("warns of an eviction policy that drops jobs", async () => {
    await admin.config("SET", "maxmemory-policy", "allkeys-lru");
    expect((await check(redis.url)).warnings).toEqual([
      expect.stringMatching(/maxmemory-policy allkeys-lru, which drops jobs: set noeviction$/),
    ]);
    await admin.config("SET", "maxmemory-policy", "noeviction");
  });

  it("says why it can't be written now", async () => {
    await admin.config("SET", "maxmemory", "1");
    expect((await check(redis.url)).warnings).toEqual([
      expect.stringMatching(/can't be written now \(OOM command not allowed/),
    ]);
    await admin.config("SET", "maxmemory", "0");
    await admin.config("SET", "min-replicas-to-write", "1");
    expect((await check(redis.url)).warnings).toEqual([
      expect.stringMatching(/can't be written now \(NOREPLICAS/),
    ]);
    await admin.config("SET", "min-replicas-to-write", "0");
  });

  it("names the form for a replica, for Sentinels and for a Cluster", async () => {
    await using sentinels = await startRedisSentinels();
    expect(await check(sentinels.url)).toEqual(FINE);
    expect((await check(`redis://127.0.0.1:${sentinels.ports[0]}`)).lacks).toEqual([
      expect.stringMatching(/is a Sentinel: write redis\+sentinel:/),
    ]);
    expect((await check(`redis://127.0.0.1:${sentinels.replicaPort}`)).lacks).toEqual([
      expect.stringMatching(/is a replica: give the address of the primary/),
    ]);
    await using cluster = await startRedisCluster();
    expect(await check(cluster.url)).toEqual(FINE);
    expect((await check(`redis://127.0.0.1:${cluster.ports[0]}`)).lacks).toEqual([
      expect.stringMatching(/is a node of a Redis Cluster: write redis\+cluster:/),
    ]);
    expect((await check(redis.url.replace("redis:", "redis+cluster:"))).lacks).toEqual([
      expect.stringMatching(/cluster support disabled.*: write redis:/),
    ]);
  });

  it("names the setting for a Redis over TLS whose authority Node doesn't know", async () => {
    const directory = await mkdtemp(join(tmpdir(), "redis-tls-"));
    const [key, certificate] = [join(directory, "key.pem"), join(directory, "ca.pem")];
    const { openssl } = await ensureCommands({ openssl: "openssl" });
    const subject = ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1"];
    await exec(openssl, [
      ..."req -x509 -newkey rsa:2048 -nodes -days 1 -keyout".split(" "),
      key,
      "-out",
      certificate,
      ...subject,
    ]);
    const port = await freePort();
    const files = `--tls-cert-file ${certificate} --tls-key-file ${key} --tls-ca-cert-file ${certificate}`;
    const extra = `--tls-port ${port} --tls-auth-clients no ${files}`.split(" ");
    await using secure = await startRedis({ extra });
    const redisUrl = `rediss://127.0.0.1:${port}`;
    expect(secure.port).not.toBe(port);
    expect((await check(redisUrl)).lacks).toEqual([
      expect.stringMatching(/certificate\): set BERTH_REDIS_CA to the file of its authority$/),
    ]);
    const known = { redisUrl, redisCa: certificate, queuePrefix: "{berth}" };
    expect(await checkRedis(known)).toEqual(FINE);
    expect((await checkRedis({ ...known, redisCa: join(directory, "none") })).lacks).toEqual([
      expect.stringMatching(/^BERTH_REDIS_CA: ENOENT/),
    ]);
    await rm(directory, { recursive: true });
  });

  it("tries every command that BullMQ's scripts give", async () => {
    const bullmq = dirname(createRequire(import.meta.url).resolve("bullmq"));
    const scripts = join(bullmq, "scripts");
    const given = new Set<string>();
    for (const file of await readdir(scripts)) {
      if (!file.endsWith(".js")) continue;
      const source = await readFile(join(scripts, file), "utf8");
      for (const [, name] of source.matchAll(/(?:rcall|redis\.p?call)\(\s*['"]([A-Za-z]+)['"]/g))
        given.add(name!.toLowerCase());
    }
    expect(given.size).toBeGreaterThan(50);
    const tried = new Set(neededCommands("a", "b").map(([name]) => name));
    expect([...given].filter((name) => !tried.has(name))).toEqual([]);
  });
});
