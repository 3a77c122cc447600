import { execFile } from "node:child_process";
import { chmod, chown, readdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, expect, inject, test, vi } from "vitest";
import { Redis } from "ioredis";
import { createTestDatabase } from "../support/postgres.js";
import { startRedis } from "../support/redis.js";
import {
  newDirectory,
  postgresPid,
  preparedDirectory,
  type StandaloneProcess,
  startStandalone,
} from "./standalone-process.js";

// Each starts a whole Berth from its sources, some of them several.
vi.setConfig({ testTimeout: 90_000 });
const exec = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };
/** Another user can run this checkout only where each directory above it may be entered by everybody. */
const runsAsNobody = isRoot && entered(fileURLToPath(new URL("../..", import.meta.url)));

function entered(path: string): boolean {
  return (statSync(path).mode & 0o001) !== 0 && (dirname(path) === path || entered(dirname(path)));
}

const running: StandaloneProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((standalone) => standalone.interrupt()));
});

function start(...args: Parameters<typeof startStandalone>): StandaloneProcess {
  const standalone = startStandalone(...args);
  running.push(standalone);
  return standalone;
}

async function call(at: { url: string; key: string }, method: string, path: string, body?: unknown) {
  const headers = {
    authorization: `Bearer ${at.key}`,
    prefer: "wait=20",
    "content-type": "application/json",
  };
  const response = await fetch(at.url + path, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: (await response.json()) as Record<string, never> };
}

const workspace = (name: string, command = ["sleep", "3600"]) => ({
  name,
  spec: { command, readiness: "running" },
});

test("from nothing to a workspace created, restarted and deleted by pasting the lines that it prints", async () => {
  const standalone = start(await newDirectory());
  const { curlLines, text } = await standalone.ready;
  expect(text).toMatch(/Backend\s+process/);
  expect(curlLines).toHaveLength(3);
  const { stdout } = await exec("bash", ["-c", curlLines.join("\necho\n")]);
  const [restarted, deleted] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(restarted).toMatchObject({ status: "online", generation: 2, operation: { state: "succeeded" } });
  expect(deleted).toMatchObject({ status: "removed", operation: { state: "succeeded" } });
});

test("a restart keeps data and keys; Ctrl-C ends it cleanly and leaves no PostgreSQL", async () => {
  const dataDir = await preparedDirectory();
  const first = start(dataDir);
  const before = await first.ready;
  const { body } = await call(before, "POST", "/workspaces", workspace("kept"));
  expect(await first.interrupt()).toMatchObject({ code: 0, signal: null, stderr: "Berth is stopping …\n" });
  expect(await postgresPid(dataDir)).toBeNull();
  expect((await stat(join(dataDir, "keys.env"))).mode & 0o777).toBe(0o600);

  const second = start(dataDir);
  const after = await second.ready;
  expect(after.key).toBe(before.key);
  expect(await call(after, "GET", `/workspaces/${String(body.id)}`)).toMatchObject({
    body: { name: "kept" },
  });
  expect(await call(after, "DELETE", `/workspaces/${String(body.id)}`)).toMatchObject({ status: 200 });
});

test("after a kill -9 the next start ends the PostgreSQL left behind and has all that was accepted (I6)", async () => {
  const dataDir = await preparedDirectory();
  const first = start(dataDir);
  const before = await first.ready;
  const { body } = await call(before, "POST", "/workspaces", workspace("survivor"));
  const orphan = await postgresPid(dataDir);
  first.child.kill("SIGKILL");
  await first.exit;
  expect(await postgresPid(dataDir)).toBe(orphan);

  const after = await start(dataDir).ready;
  expect(await postgresPid(dataDir)).not.toBe(orphan);
  // Dead at once, but known to the system until somebody reaps it.
  await vi.waitFor(() => expect(() => process.kill(orphan ?? 0, 0)).toThrow("ESRCH"));
  expect(await call(after, "DELETE", `/workspaces/${String(body.id)}`)).toMatchObject({ status: 200 });
});

test("one Ctrl-C that arrives twice, as through npm, is still a clean end", async () => {
  const standalone = start(await preparedDirectory());
  await standalone.ready;
  standalone.child.kill("SIGINT");
  const exit = await standalone.interrupt();
  expect(exit, exit.stderr).toMatchObject({ code: 0, signal: null });
});

test("Ctrl-C while it starts ends it cleanly too", async () => {
  const dataDir = await newDirectory();
  const standalone = start(dataDir);
  await vi.waitFor(() => stat(join(dataDir, "postgres")), { interval: 10 });
  expect(await standalone.interrupt()).toMatchObject({ code: 0, stdout: "" });
  expect(await postgresPid(dataDir)).toBeNull();
  expect(await readdir(dataDir)).not.toContain("lock");
});

test("a second Ctrl-C ends at once, and the next start finishes what it cut off (I7)", async () => {
  const dataDir = await preparedDirectory();
  const first = start(dataDir, { BERTH_STOP_GRACE_MS: "60000" });
  const before = await first.ready;
  const stubborn = workspace("stubborn", ["sh", "-c", 'trap "" TERM; while :; do sleep 1; done']);
  const { body } = await call(before, "POST", "/workspaces", stubborn);
  const path = `/workspaces/${String(body.id)}`;
  void call(before, "POST", `${path}/restart`).catch(() => undefined);
  await vi.waitFor(async () => {
    expect((await call(before, "GET", `${path}/operations`)).body).toMatchObject([{ state: "running" }, {}]);
  });
  const asked = performance.now();
  first.child.kill("SIGINT");
  // Later than any echo of the first one counts as: the wait is for the clock itself.
  await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(asked + 1_100));
  first.child.kill("SIGINT");
  expect(await first.exit).toMatchObject({ code: 130 });

  const after = await start(dataDir, { BERTH_STOP_GRACE_MS: "100" }).ready;
  expect(await call(after, "DELETE", path)).toMatchObject({ status: 200 });
});

test("the loss of its PostgreSQL ends it with one line", async () => {
  const dataDir = await preparedDirectory();
  const standalone = start(dataDir);
  // Its queues are connected for certain once an operation has run.
  const ready = await standalone.ready;
  const { body } = await call(ready, "POST", "/workspaces", workspace("last"));
  await call(ready, "DELETE", `/workspaces/${String(body.id)}`);
  const pid = await postgresPid(dataDir);
  if (pid !== null) process.kill(pid, "SIGKILL");
  const { code, stderr } = await standalone.exit;
  expect(code).toBe(1);
  expect(stderr).toContain("berth: the embedded PostgreSQL ended");
});

test("it works with a PostgreSQL and a Redis of one's own", async () => {
  const database = await createTestDatabase();
  const standalone = start(await newDirectory(), {
    DATABASE_URL: database.url,
    REDIS_URL: inject("redis").url,
    BERTH_QUEUE_PREFIX: "{e2e}",
  });
  const ready = await standalone.ready;
  expect(ready.text).toContain("your PostgreSQL, queues in Redis");
  const { status, body } = await call(ready, "POST", "/workspaces", workspace("elsewhere"));
  expect(status).toBe(200);
  expect(await call(ready, "DELETE", `/workspaces/${String(body.id)}`)).toMatchObject({ status: 200 });
  await standalone.interrupt();
  await database.drop();
});

test.skipIf(!inject("docker"))("a Docker daemon that answers is taken as the backend", async () => {
  const host = `unix://${inject("docker")?.socketPath}`;
  const { text } = await start(await preparedDirectory(), { BERTH_BACKENDS: "", DOCKER_HOST: host }).ready;
  expect(text).toMatch(/Backend\s+docker/);
});

test.skipIf(!isRoot)(
  "as root under a directory that others can't enter, the data is kept elsewhere",
  async () => {
    const dataDir = await newDirectory();
    await chmod(dataDir, 0o700);
    const first = start(dataDir);
    const { key } = await first.ready;
    await first.interrupt();
    const second = start(dataDir);
    expect(await second.ready).toMatchObject({ key });
    await second.interrupt();
    const place = await realpath(join(dataDir, "postgres"));
    expect(place).toMatch(/^\/var\/lib\/berth\/postgres-/);
    await rm(place, { recursive: true });
  },
);

test.skipIf(!runsAsNobody)(
  "a normal user needs no root (needs root, and a checkout that others may enter)",
  async () => {
    const dataDir = await newDirectory();
    await chown(dataDir, NOBODY.uid, NOBODY.gid);
    const standalone = start(dataDir, { TMPDIR: dataDir }, NOBODY);
    await standalone.ready;
    expect((await standalone.interrupt()).code).toBe(0);
  },
);

test("a port in use is one line and a failed exit, with everything ended that was started", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const dataDir = await preparedDirectory();
  const exit = await start(dataDir, { PORT: String(port) }).exit;
  server.close();
  expect(exit).toMatchObject({
    code: 1,
    stdout: "",
    stderr: `berth: 127.0.0.1 port ${port} is in use: set PORT to another\n`,
  });
  expect(await postgresPid(dataDir)).toBeNull();
});

test("a data directory in use is refused by the pid of its user, and the first one goes on", async () => {
  const dataDir = await preparedDirectory();
  const first = start(dataDir);
  const ready = await first.ready;
  const { code, stderr } = await start(dataDir).exit;
  expect(code).toBe(1);
  expect(stderr).toBe(
    `berth: the data directory ${dataDir} is in use by process ${first.child.pid}: stop it, or set BERTH_DATA_DIR\n`,
  );
  expect(await call(ready, "GET", "/workspaces")).toMatchObject({ status: 200 });
});

test("a data directory that can't be one is refused in one line", async () => {
  const file = join(await newDirectory(), "file");
  await writeFile(file, "");
  expect(await start(file).exit).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^berth: the data directory .* can't be written .*\n$/),
  });
});

test.skipIf(!runsAsNobody)(
  "a data directory of somebody else is refused in one line (needs root, and a checkout that others may enter)",
  async () => {
    const dataDir = await newDirectory();
    const { code, stderr } = await start(join(dataDir, "closed"), { TMPDIR: "/tmp" }, NOBODY).exit;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^berth: the data directory .* can't be written \(EACCES.*\): set BERTH_DATA_DIR\n$/,
    );
  },
);

test.each([
  ["DATABASE_URL", "postgres://user:hunter2@127.0.0.1:1/berth"],
  ["REDIS_URL", "redis://:hunter2@127.0.0.1:1"],
])("an unreachable %s is one line without its password", async (name, url) => {
  const { code, stderr } = await start(await newDirectory(), { [name]: url }).exit;
  expect(code).toBe(1);
  expect(stderr).toBe(`berth: ${name}: 127.0.0.1:1 can't be used (connect ECONNREFUSED 127.0.0.1:1)\n`);
});

test("a Redis user with too few rights is one line and exit code 1, with nothing started", async () => {
  await using redis = await startRedis();
  const admin = new Redis(redis.url);
  await admin.call(
    "ACL",
    "SETUSER",
    "berth",
    "on",
    ">hunter2",
    "~{berth}:*",
    "+@all",
    "-evalsha",
    "-bzpopmin",
  );
  admin.disconnect();
  const dataDir = await newDirectory();
  const { code, stderr } = await start(dataDir, { REDIS_URL: redis.url.replace("//", "//berth:hunter2@") })
    .exit;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^berth: REDIS_URL: \S+ refuses this user bzpopmin, evalsha: ACL SETUSER … \+bzpopmin \+evalsha\n$/,
  );
  expect(await readdir(dataDir)).not.toContain("postgres");
});

test("damaged keys are refused rather than replaced", async () => {
  const dataDir = await newDirectory();
  await writeFile(join(dataDir, "keys.env"), "BERTH_ADMIN_KEY=short\n");
  const { code, stderr } = await start(dataDir).exit;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^berth: .*keys\.env doesn't hold/);
  expect(await readFile(join(dataDir, "keys.env"), "utf8")).toBe("BERTH_ADMIN_KEY=short\n");
});

test("every bad setting is told at once", async () => {
  const { code, stderr } = await start(await newDirectory(), { PORT: "x", BERTH_CONCURENCY: "1" }).exit;
  expect(code).toBe(1);
  expect(stderr.trim().split("\n")).toHaveLength(2);
});

test("a copy of a data directory isn't started beside its original, unless it is to be one of its own", async () => {
  const dataDir = await preparedDirectory();
  const original = start(dataDir);
  await original.ready;
  await original.interrupt();
  const copy = await newDirectory();
  await exec("cp", ["-a", `${dataDir}/.`, copy]);
  const refused = await start(copy).exit;
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toBe(
    `berth: the data directory ${copy} is a copy of ${dataDir}, which is still there, and two Berths with one database's ` +
      `contents would look after the same things: start that one, or move it away if this one is to take its place, or ` +
      `give this one an id of its own with --new-installation\n`,
  );
  const apart = start(copy, {}, {}, ["--new-installation"]);
  await apart.ready;
  await apart.interrupt();
  const moved = `${dataDir}-moved`;
  await rename(dataDir, moved);
  const again = start(moved);
  await again.ready;
  expect((await again.interrupt()).stderr, "a directory that was only moved").not.toContain("original");
});
