import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { commandsUnder, ROOT } from "./pages.js";
import { newDirectory, startStandalone } from "./standalone-process.js";

/** A Berth of the test's own. @returns what the commands need to know of it */
async function startBerth() {
  const dataDir = await newDirectory();
  const { ready, interrupt } = startStandalone(dataDir);
  onTestFinished(async () => {
    await interrupt();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { url, key } = await ready;
  return { dataDir, env: { ...process.env, BERTH_URL: url, BERTH_KEY: key } };
}

test("the README's first calls, with nothing but curl, do what they say", async () => {
  const { dataDir, env } = await startBerth();
  const commands = await commandsUnder("README.md", "First calls");
  const { stdout } = await promisify(execFile)("sh", ["-e", "-c", commands], { cwd: dataDir, env });
  const [before, rest] = stdout.split("retry: 2000") as [string, string];
  const json = (text: string): Record<string, unknown>[] =>
    text
      .split("\n")
      .filter((line) => /^[[{]/.test(line))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [created, restarted, why, logs, listed, operations] = json(before);
  expect(created).toMatchObject({ name: "echo", status: "online", operation: { state: "succeeded" } });
  expect(restarted).toMatchObject({ generation: 2, operation: { kind: "restart", state: "succeeded" } });
  expect(why).toMatchObject({ status: "online" });
  expect(JSON.stringify(logs)).toContain("hello");
  expect(listed).toMatchObject([{ id: created!["id"] }]);
  expect(operations).toMatchObject([{ kind: "restart", workspace_id: created!["id"] }]);
  expect(rest).toContain('"event_type":"workspace.provisioning"');
  expect(rest).toContain('"event_type":"workspace.restart.succeeded"');
  const [paused, resumed, online, removed, ledger] = json(rest);
  expect(paused).toMatchObject({ status: "paused" });
  expect(resumed).toMatchObject({ operation: { kind: "resume" } });
  expect(online).toMatchObject({ status: "online", generation: 3 });
  expect(removed).toMatchObject({ status: "removed", operation: { state: "succeeded" } });
  const states = (ledger as unknown as { state: string }[]).map(({ state }) => state);
  expect(new Set(states)).toEqual(new Set(["gone"]));
});

test("the README's commands of `berth` do what they say", async () => {
  const { env } = await startBerth();
  const commands = await commandsUnder("README.md", "The same with `berth`");
  const { stdout, stderr } = await promisify(execFile)("sh", ["-e", "-c", commands], { cwd: ROOT, env });
  expect(stderr).not.toContain("berth: ");
  const steps = [
    /^echo is online: [0-9a-f-]{36}$/,
    /^NAME +STATUS/,
    /^echo +online +process +1 +team:red/,
    /^echo is online$/,
    /^hello$/,
    /^It is online: it is where it should be\.$/,
    /^WORKSPACE +KIND/,
    /^echo +restart +succeeded/,
    /^echo +provision +succeeded/,
    /Z {2}workspace\.online {2}/,
    /Z {2}workspace\.online {2}/,
    /^echo is paused$/,
    /^echo is \w+; resume accepted: /,
    /^echo is online$/,
    /^echo is removed$/,
    /^name +echo$/,
    /^status +removed$/,
    /^instance +gone /,
    /^volume +gone /,
  ];
  const lines = stdout.split("\n");
  let at = 0;
  for (const step of steps) {
    const found = lines.findIndex((line, n) => n >= at && step.test(line));
    expect(found, `${step} in ${lines.slice(at).join("\n")}`).toBeGreaterThanOrEqual(at);
    at = found + 1;
  }
  expect(stdout).not.toMatch(/ present | releasing /);
});

test("the tour of docs/cli.md goes to its end", async () => {
  const { env } = await startBerth();
  const commands = await commandsUnder("docs/cli.md", "A first tour");
  const { stdout, stderr } = await promisify(execFile)("sh", ["-e", "-c", commands], {
    cwd: ROOT,
    env: { ...env, PATH: `${join(ROOT, "node_modules/.bin")}:${process.env.PATH}` },
  });
  expect(stderr.match(/^berth: .*$/gm)).toEqual(["berth: there is no workspace nobody; see: berth ls --all"]);
  expect(stdout).toContain("ended with 3\n");
  expect(stdout).toMatch(/^resume would be accepted for 1 of 2$/m);
  expect(stdout).toMatch(/^restart of 1: 1 succeeded: /m);
  expect(stdout).toMatch(/^running +2 of 2$/m);
  expect(stdout).toMatch(/^delete of 2: 2 succeeded: /m);
  expect(stderr).toMatch(/Nothing is leaked\.\n$/);
  // Some thirty processes one after the other.
}, 300_000);
