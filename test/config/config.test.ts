import { SWEEP_NAMES } from "@berth/core/domain/sweep";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError, readConfig } from "@berth/core/config/config";
import { type Key, KEYS } from "@berth/core/config/keys";
import { createLogger } from "@berth/core/base/logger";
import { describe, expect, test } from "vitest";

const SECRET = "0123456789abcdef0123456789abcdef";
const DATABASE_URL = "postgres://user:hunter2@127.0.0.1/berth";

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("readConfig", () => {
  test("a standalone needs nothing and listens on this machine only", () => {
    const config = readConfig("standalone", {});
    expect(config).toMatchObject({ role: "standalone", port: 8080, host: "127.0.0.1", databaseUrl: null });
    expect(config).toMatchObject({
      dataDir: resolve(".berth"),
      backend: null,
      backends: null,
      redisUrl: null,
      redisCa: null,
    });
  });

  test("an API and a worker are told everything that they lack at once", () => {
    expect(problemsOf(() => readConfig("api", {}))).toEqual([
      expect.stringMatching(/^DATABASE_URL is missing: expected a URL/),
      expect.stringMatching(/^BERTH_ADMIN_KEY is missing/),
    ]);
    expect(problemsOf(() => readConfig("worker", {}))).toEqual([
      expect.stringMatching(/^DATABASE_URL is missing/),
      expect.stringMatching(/^BERTH_SECRET is missing/),
    ]);
  });

  test("what is given is read into its type, and an empty value counts as unset", () => {
    const config = readConfig("worker", {
      DATABASE_URL,
      BERTH_SECRET: SECRET,
      BERTH_BACKENDS: "process, docker",
      BERTH_CONCURRENCY: "3",
      BERTH_STOP_GRACE_MS: "0",
      BERTH_PUBLIC_URL: "https://berth.example/",
      BERTH_LEASE_MS: "",
      REDIS_URL: "",
    });
    expect(config).toMatchObject({ backends: ["process", "docker"], backend: "process", concurrency: 3 });
    expect(config).toMatchObject({ stopGraceMs: 0, publicUrl: "https://berth.example", leaseMs: 8_000 });
    expect(config.redisUrl).toBeNull();
  });

  test("a backend given alone is the only one enabled, and without any it is docker", () => {
    const env = { DATABASE_URL, BERTH_SECRET: SECRET };
    expect(readConfig("worker", env)).toMatchObject({ backend: "docker", backends: ["docker"] });
    expect(readConfig("worker", { ...env, BERTH_BACKEND: "process" }).backends).toEqual(["process"]);
    expect(
      problemsOf(() => readConfig("worker", { ...env, BERTH_BACKEND: "docker", BERTH_BACKENDS: "process" })),
    ).toEqual([expect.stringContaining("BERTH_BACKEND")]);
  });

  test("it can't be changed afterwards, lists included", () => {
    const config = readConfig("standalone", { BERTH_BACKENDS: "process" });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.backends)).toBe(true);
  });

  test.each([
    ["PORT", "65536"],
    ["PORT", "8080x"],
    ["PORT", "-1"],
    ["HOST", "a b"],
    ["BERTH_DEPLOYMENT_ID", "Berth"],
    ["BERTH_DEPLOYMENT_ID", "x".repeat(33)],
    ["BERTH_BACKEND", "podman"],
    ["BERTH_BACKENDS", "docker,"],
    ["BERTH_CONCURRENCY", "0"],
    ["BERTH_LEASE_MS", "1e3"],
    ["BERTH_LEASE_MS", "2147483648"],
    ["BERTH_BODY_LIMIT_BYTES", "1"],
    ["BERTH_PUBLIC_URL", "berth.example"],
    ["BERTH_QUEUE_PREFIX", "a b"],
    ["DOCKER_HOST", "ftp://host"],
    ["LOG_LEVEL", "loud"],
  ])("%s=%s is refused with what was given and what was expected", (name, value) => {
    expect(problemsOf(() => readConfig("standalone", { [name]: value }))).toEqual([
      expect.stringMatching(new RegExp(`^${name}: got ${JSON.stringify(value)}, expected `)),
    ]);
  });

  test("a secret's value is in no message", () => {
    const env = {
      BERTH_ADMIN_KEY: "hunter2",
      BERTH_SECRET: "hunter2",
      DATABASE_URL: "mysql://u:hunter2@h/d",
      REDIS_URL: "hunter2",
    };
    const problems = problemsOf(() => readConfig("api", env));
    expect(problems).toHaveLength(4);
    expect(problems.join()).not.toContain("hunter2");
  });

  test("an unknown BERTH_ key is refused, with the one that was probably meant", () => {
    const problems = problemsOf(() =>
      readConfig("standalone", { BERTH_CONCURENCY: "3", BERTH_PROT: "x", OTHER: "x" }),
    );
    expect(problems).toEqual([
      "BERTH_CONCURENCY is no setting of Berth: did you mean BERTH_CONCURRENCY?",
      "BERTH_PROT is no setting of Berth",
    ]);
  });

  test("inside a workspace of another Berth, what that one gave it is no mistake", () => {
    const given = { BERTH_WORKSPACE_ID: "x", BERTH_TOKEN: "x", BERTH_GENERATION: "1", BERTH_URL: "http://x" };
    expect(problemsOf(() => readConfig("standalone", given))).toEqual([]);
  });

  test("a fault is injected in tests only", () => {
    const env = { BERTH_FAULT_AT_STEP: "restart/stop_instance/after" };
    expect(problemsOf(() => readConfig("standalone", env))).toHaveLength(1);
    expect(readConfig("standalone", { ...env, NODE_ENV: "test" }).faultAtStep).toEqual({
      kind: "restart",
      step: "stop_instance",
      when: "after",
    });
    expect(
      problemsOf(() => readConfig("standalone", { BERTH_FAULT_AT_STEP: "restart", NODE_ENV: "test" })),
    ).toHaveLength(1);
  });

  test("Redis is one node, Sentinels with a name, or a Cluster with all keys in one slot", () => {
    const problems = (env: Record<string, string>) => problemsOf(() => readConfig("standalone", env));
    for (const REDIS_URL of [
      "rediss://user:pa%40ss@redis.example.com:6380/1",
      "redis+sentinel://a:26379,b,[::1]:26380/primary?db=2&sentinel_password=x",
      "rediss+cluster://:password@a:6379,b/",
    ])
      expect(readConfig("standalone", { REDIS_URL }).redisUrl).toBe(REDIS_URL.replace(/\/$/, ""));
    for (const REDIS_URL of [
      "redis+sentinel://a,b",
      "redis+sentinel://a,b/name?dbs=1",
      "redis+cluster://a,,b",
      "redis+cluster://a:99999",
      "redis+cluster://a/1",
      "redis+cluster://:100%@a",
      "http://a",
    ])
      expect(problems({ REDIS_URL })).toEqual([
        expect.stringMatching(/^REDIS_URL: its value is wrong, expected .*redis\+sentinel:.*redis\+cluster:/),
      ]);
    expect(problems({ REDIS_URL: "redis+cluster://a", BERTH_QUEUE_PREFIX: "be{}rth" })).toEqual([
      expect.stringMatching(/^BERTH_QUEUE_PREFIX: got "be\{\}rth", expected braces/),
    ]);
    expect(problems({ REDIS_URL: "redis://a", BERTH_REDIS_CA: "ca.pem" })).toEqual([
      expect.stringMatching(/^BERTH_REDIS_CA: REDIS_URL isn't over TLS/),
    ]);
  });

  test("a first delay above the longest one is refused", () => {
    expect(problemsOf(() => readConfig("standalone", { BERTH_RETRY_DELAY_MS: "60000" }))).toHaveLength(1);
  });
});

/** Each sweep has one, which docs/sweeps.md lists with its sweep. */
const ofSweeps = SWEEP_NAMES.map((name) => KEYS[`everyMs:${name}`]);

describe("the lists of settings tell every key with its default", () => {
  const others = Object.values(KEYS as Record<string, Key<unknown>>).filter(
    (key) => !(ofSweeps as Key<unknown>[]).includes(key),
  );
  const defaults = Object.fromEntries(
    others.map(({ env, fallback }) => [
      env,
      typeof fallback === "object" ? Object.values(fallback ?? {}) : [fallback],
    ]),
  );

  test("in docs/configuration.md", async () => {
    const page = await readFile("docs/configuration.md", "utf8");
    const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)`\s*\| ([^|]*\S)\s*\| \S/gm)].map(
      ([, name = "", cell = ""]) => {
        const values = cell === "unset" ? [] : cell.replaceAll("`", "").split("; ");
        return [name, values.map((value) => value.replace(/^.*: /, ""))];
      },
    );
    const distinct = Object.entries(defaults).map(([name, values]) => [name, [...new Set(values)]]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(distinct));
  });

  test("in docs/sweeps.md, each sweep's own, and a section for each sweep", async () => {
    const page = await readFile("docs/sweeps.md", "utf8");
    const rows = [...page.matchAll(/^\| `([a-z-]+)`\s*\| `(BERTH_[A-Z_]+)`\s*\| `(\d+)`\s*\|$/gm)];
    expect(rows.map(([, name, env, everyMs]) => [name, env, everyMs])).toEqual(
      SWEEP_NAMES.map((name, index) => [name, ofSweeps[index]!.env, ofSweeps[index]!.fallback]),
    );
    const sections = [...page.matchAll(/^## (.*)$/gm)].flatMap(([, title = ""]) => title.split(" and "));
    expect(SWEEP_NAMES.filter((name) => !sections.includes(name))).toEqual([]);
  });

  test("in .env.example", async () => {
    const lines = (await readFile(".env.example", "utf8")).matchAll(/^# ([A-Z0-9_]+)=(.*)$/gm);
    const ofApi = Object.entries(defaults).map(([name, values]) => [name, values[0] ?? ""]);
    expect(Object.fromEntries([...lines].map(([, name, value]) => [name, value]))).toEqual(
      Object.fromEntries(ofApi),
    );
  });
});

test("the log tells neither keys nor tokens, wherever they stand", () => {
  const lines: string[] = [];
  const log = createLogger({ logLevel: "info" }, "test", { write: (line) => lines.push(line) });
  const headers = { authorization: "hunter2", cookie: "hunter2", "set-cookie": "hunter2", host: "h" };
  log.info(
    { req: { headers }, headers, token: "hunter2", body: { token: "hunter2", key: "hunter2" } },
    "request",
  );
  expect(lines.join()).toContain('"host":"h"');
  expect(lines.join()).not.toContain("hunter2");
});
