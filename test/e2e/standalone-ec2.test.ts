import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { newDirectory, preparedDirectory, startStandalone } from "./standalone-process.js";

const SIMULATOR = ["--backend", "ec2-simulator"];

test("what an instance writes to its console is a workspace's log", async () => {
  const dataDir = await preparedDirectory();
  const { ready, interrupt } = startStandalone(dataDir, {}, {}, SIMULATOR);
  onTestFinished(async () => {
    await interrupt();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { url, key, text } = await ready;
  const simulator = /simulated at (\S+)/.exec(text)![1]!;
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", prefer: "wait=30" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return (await response.json()) as { id: string; instance_id: string };
  };
  const { id, instance_id } = await call("POST", "/workspaces", { name: "talker", spec: {} });
  await fetch(`${simulator}/_sim/instances/${instance_id}/console`, {
    method: "PUT",
    body: "booting\r\nhello\r\n",
  });
  expect(await call("GET", `/workspaces/${id}/logs?tail=1`)).toMatchObject({
    backend: "ec2",
    lines: [{ stream: null, time: null, text: "hello" }],
  });
  await call("DELETE", `/workspaces/${id}`);
});

test("with --backend ec2-simulator a newcomer's three lines make, restart and delete a workspace on EC2", async () => {
  const dataDir = await preparedDirectory();
  const { ready, interrupt } = startStandalone(dataDir, {}, {}, SIMULATOR);
  onTestFinished(async () => {
    await interrupt();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { curlLines, text } = await ready;
  const simulator = /simulated at (\S+)/.exec(text)![1]!;
  const { stdout } = await promisify(execFile)("sh", ["-c", curlLines.join("\necho\n")]);
  const [restarted, removed] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  expect(restarted).toMatchObject({ status: "online", generation: 2, operation: { state: "succeeded" } });
  expect(removed).toMatchObject({ status: "removed", operation: { state: "succeeded" } });
  const state = await (await fetch(`${simulator}/_sim/state?counts=true`)).json();
  expect(state).toMatchObject({ counts: { instances: 0, volumes: 0, records: 0 } });
  const calls = await (await fetch(`${simulator}/_sim/calls`)).json();
  expect(calls).toMatchObject({ counters: { RunInstances: { ok: 2 }, CreateVolume: { ok: 1 } } });
});

test("an argument that isn't known ends it with one line", async () => {
  const dataDir = await newDirectory();
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  for (const args of [["--backend", "cloud"], ["--nonsense"]]) {
    const { code, stderr } = await startStandalone(dataDir, {}, {}, args).exit;
    expect(code).toBe(1);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/ec2-simulator/);
  }
});
