import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { insertTestEvents } from "../support/events.js";
import { transaction } from "@berth/core/db/pool";
import { expect, it, onTestFinished } from "vitest";
import { KEY, startTestApi } from "../api/api.js";
import { newDirectory } from "../e2e/standalone-process.js";
import { commandsUnder } from "../support/pages.js";

const BIN = fileURLToPath(new URL("../../apps/cli/bin/berth.js", import.meta.url));
const PATH = process.env.PATH!;

/** The built command as a process of its own, with its output as it comes. */
function start(args: readonly string[], env: Record<string, string>, cwd = "/") {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd,
    env: { PATH, TMPDIR: tmpdir(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (text) => (said.stdout += String(text)));
  child.stderr.on("data", (text) => (said.stderr += String(text)));
  const exited = once(child, "close").then(([code]) => ({ code: code as number | null, ...said }));
  return { child, said, exited };
}

it("berth up starts Berth here, whose key the other commands find, and Ctrl-C ends both", async () => {
  const cwd = await newDirectory();
  onTestFinished(() => rm(cwd, { recursive: true, force: true }));
  const [program, ...args] = commandsUnder("docs/cli.md", "Start").trim().split(" ");
  expect(program).toBe("berth");
  const up = start([...args, "--backend", "process", "--port", "0"], {}, cwd);
  await expect.poll(() => up.said.stdout).toContain("Ctrl-C stops Berth");
  const [, url] = /API +(\S+)/.exec(up.said.stdout)!;
  const env = { BERTH_URL: url! };
  const create = ["create", "echo", "--backend", "process", "--readiness", "running", "--", "sleep", "60"];
  expect(await start(create, env, cwd).exited).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^echo is online/),
  });
  expect(await start(["rm", "echo"], env, cwd).exited).toMatchObject({ code: 0 });
  up.child.kill("SIGINT");
  expect(await up.exited).toMatchObject({ code: 0, stderr: expect.stringContaining("Berth is stopping") });
});

it("berth doctor asks what the environment leads to, and exits 1 with a line for what is wrong", async () => {
  const cwd = await newDirectory();
  onTestFinished(() => rm(cwd, { recursive: true, force: true }));
  const env = { DATABASE_URL: "postgres://u:hunter2@127.0.0.1:1/db", BERTH_BACKENDS: "process" };
  expect(await start(["doctor"], env, cwd).exited).toEqual({
    code: 1,
    stdout: expect.stringMatching(
      /^WRONG {2}DATABASE_URL: 127\.0\.0\.1:1 can't be used \(connect ECONNREFUSED.*\)\nok {5}place process: .*\n$/,
    ),
    stderr: "",
  });
});

it("Ctrl-C ends a command that waits with 130, in one line", async () => {
  const api = await startTestApi(null);
  onTestFinished(() => api.close());
  const { id } = await api.create({ name: "slow" });
  const waiting = start(["wait", "slow"], { BERTH_URL: api.url, BERTH_KEY: KEY });
  await expect.poll(() => waiting.said.stderr).toBe("slow: provisioning\n");
  waiting.child.kill("SIGINT");
  expect(await waiting.exited).toEqual({ code: 130, stdout: "", stderr: "slow: provisioning\n" });
  const creating = start(["restart", id], { BERTH_URL: api.url, BERTH_KEY: KEY });
  await expect.poll(() => creating.said.stderr).toContain("restart queued");
  creating.child.kill("SIGINT");
  const { code, stderr } = await creating.exited;
  expect(code).toBe(130);
  expect(stderr).toMatch(/\nberth: the restart isn't waited for any more; it goes on: berth ops get \S+\n$/);
});

it("a pipe whose reader has left is no failure", async () => {
  const api = await startTestApi(null);
  onTestFinished(() => api.close());
  const many = Array.from({ length: 3_000 }, (_, n) => ({
    event_type: "test.happened",
    workspace_id: null,
    payload: { n, text: "x".repeat(200) },
  }));
  await transaction(api.pool, (tx) => insertTestEvents(tx, many));
  const bin = await mkdtemp(join(tmpdir(), "bin-"));
  await symlink(BIN, join(bin, "berth"));
  const { stdout, stderr } = await promisify(execFile)(
    "bash",
    ["--norc", "-c", "set -o pipefail; berth events --after 0 --json | head -1"],
    { env: { PATH: `${bin}:${PATH}`, BERTH_URL: api.url, BERTH_KEY: KEY } },
  );
  expect(JSON.parse(stdout)).toMatchObject({ event_type: "test.happened", payload: { n: 0 } });
  expect(stderr).toBe("");
});
