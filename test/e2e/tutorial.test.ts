import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { newDirectory, startStandalone } from "./standalone-process.js";

const README = new URL("../../README.md", import.meta.url);

/** The first block of shell commands under a heading. */
async function commandsUnder(heading: string): Promise<string> {
  const text = await readFile(README, "utf8");
  const section = text.slice(text.indexOf(`## ${heading}\n`));
  return /```sh\n(.*?)```/s.exec(section)![1]!;
}

test("the README's first calls, with nothing but curl, do what they say", async () => {
  const dataDir = await newDirectory();
  const { ready, interrupt } = startStandalone(dataDir);
  onTestFinished(async () => {
    await interrupt();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { url, key } = await ready;
  const { stdout } = await promisify(execFile)("sh", ["-e", "-c", await commandsUnder("First calls")], {
    cwd: dataDir,
    env: { ...process.env, BERTH_URL: url, BERTH_KEY: key },
  });
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
}, 90_000);
