import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { commandsUnder } from "./pages.js";
import { newDirectory, startStandalone } from "./standalone-process.js";

test("a workspace moves here as docs/moving.md says, its agent sending what it always sent", async () => {
  const directory = await newDirectory();
  const { ready, interrupt } = startStandalone(directory, { BERTH_BACKENDS: "process,external" });
  const { url, key } = await ready;
  const stays = { ours: "" };
  onTestFinished(async () => {
    const headers = { authorization: `Bearer ${key}`, prefer: "wait=30" };
    await fetch(`${url}/workspaces/${stays.ours}`, { method: "DELETE", headers });
    await interrupt();
  });
  const commands = await commandsUnder("docs/moving.md", "One after the other");
  const { stdout } = await promisify(execFile)("sh", ["-e", "-c", commands], {
    cwd: directory,
    env: { ...process.env, BERTH_URL: url, BERTH_KEY: key },
  });
  const answers = stdout
    .split("\n")
    .filter((line) => /^[[{]/.test(line))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [created, registered, heard, found, whole, events, ours, removed] = answers;
  stays.ours = String(ours?.["id"]);
  expect(created).toMatchObject({ backend: "external", status: "awaiting_agent" });
  expect(registered).toMatchObject({ workspace_id: created!["id"], status: "online" });
  expect(heard).toMatchObject({ status: "online", next_heartbeat_s: 30 });
  expect(found).toMatchObject([{ id: created!["id"], active_tasks: 1 }]);
  expect(whole!["agent"]).toMatchObject({ url: "http://10.0.0.7:9000", current_task: "indexing" });
  expect(JSON.stringify(events)).toContain("workspace.online");
  expect(ours).toMatchObject({ backend: "process", status: "online" });
  expect(removed).toMatchObject({ id: created!["id"], status: "removed" });
});
