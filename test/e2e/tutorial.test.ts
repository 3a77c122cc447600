import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { programOf } from "../support/programs.js";
import { blocksUnder, commandsUnder, ROOT } from "../support/pages.js";
import { preparedDirectory, type StandaloneProcess, startStandalone } from "./standalone-process.js";

let berth: StandaloneProcess;
let url: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  const settings = commandsUnder("docs/webhooks.md", "Where it may lead").matchAll(/(BERTH_\w+)=(\S+)/g);
  berth = startStandalone(await preparedDirectory(), {
    BERTH_BACKENDS: "process,external",
    ...Object.fromEntries([...settings].map(([, name, value]) => [name!, value!])),
  });
  const { key, ...said } = await berth.ready;
  url = said.url;
  env = {
    PATH: `${join(ROOT, "node_modules/.bin")}:${process.env.PATH}`,
    HOME: berth.dataDir,
    BERTH_URL: url,
    BERTH_KEY: key,
  };
});
afterAll(async () => {
  await berth?.interrupt();
  await rm(berth.dataDir, { recursive: true, force: true });
});

/** Runs a page's lines, of which one that fails fails them all. */
const shell = (commands: string, cwd = berth.dataDir, program = "sh") =>
  promisify(execFile)(program, ["-e", "-c", commands], { cwd, env });

/** The lines that are JSON. */
const answersIn = (text: string): Record<string, unknown>[] =>
  text
    .split("\n")
    .filter((line) => /^[[{]/.test(line))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("the README's first calls, with nothing but curl, do what they say", async () => {
  const { stdout } = await shell(commandsUnder("README.md", "First calls"));
  const [before, rest] = stdout.split("retry: 2000") as [string, string];
  const [created, restarted, why, logs, listed, operations] = answersIn(before);
  expect(created).toMatchObject({ name: "echo", status: "online", operation: { state: "succeeded" } });
  expect(restarted).toMatchObject({ generation: 2, operation: { kind: "restart", state: "succeeded" } });
  expect(why).toMatchObject({ status: "online" });
  expect(JSON.stringify(logs)).toContain("hello");
  expect(listed).toMatchObject([{ id: created!["id"] }]);
  expect(operations).toMatchObject([{ kind: "restart", workspace_id: created!["id"] }]);
  expect(rest).toContain('"event_type":"workspace.provisioning"');
  expect(rest).toContain('"event_type":"workspace.restart.succeeded"');
  const [paused, resumed, online, removed, ledger] = answersIn(rest);
  expect(paused).toMatchObject({ status: "paused" });
  expect(resumed).toMatchObject({ operation: { kind: "resume" } });
  expect(online).toMatchObject({ status: "online", generation: 3 });
  expect(removed).toMatchObject({ status: "removed", operation: { state: "succeeded" } });
  const states = (ledger as unknown as { state: string }[]).map(({ state }) => state);
  expect(new Set(states)).toEqual(new Set(["gone"]));
});

test("the README's commands of `berth` do what they say", async () => {
  const { stdout, stderr } = await shell(commandsUnder("README.md", "The same with `berth`"), ROOT);
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

test("the README's demo finds that every promise was kept (I1, I2, I4)", async () => {
  const { stdout } = await shell(commandsUnder("README.md", "See it work"), ROOT);
  expect(stdout).toMatch(/Overlaps within a workspace: none\nLeft in the ledger: nothing/);
  // It builds first, if anything has changed since.
}, 300_000);

test("the tour of docs/cli.md goes to its end", async () => {
  const { stdout, stderr } = await shell(commandsUnder("docs/cli.md", "A first tour"), ROOT);
  expect(stderr.match(/^berth: .*$/gm)).toEqual(["berth: there is no workspace nobody; see: berth ls --all"]);
  expect(stdout).toContain("ended with 3\n");
  expect(stdout).toMatch(/^resume would be accepted for 1 of 2$/m);
  expect(stdout).toMatch(/^restart of 1: 1 succeeded: /m);
  expect(stdout).toMatch(/^running +2 of 2$/m);
  expect(stdout).toMatch(/^delete of 2: 2 succeeded: /m);
  expect(stderr).toMatch(/Nothing is leaked\.\n$/);
  // Some thirty processes one after the other.
}, 300_000);

test("what the CLI's own README shows logs in, says how the fleet is, and makes a workspace", async () => {
  const here = { "npx @berth/cli": "berth", "http://127.0.0.1:8080": url };
  const commands = commandsUnder("apps/cli/README.md", "@berth/cli", here);
  const { stdout } = await shell(`${commands}unset BERTH_URL BERTH_KEY; berth rm echo`);
  expect(stdout).toMatch(/^Logged in to \S+ at http/);
  expect(stdout).toMatch(/^All is well\.$/m);
  expect(stdout).toMatch(/^echo is online: [^]*^echo is removed$/m);
});

test("a shell takes the completion that docs/cli.md has for it", async () => {
  const lines = commandsUnder("docs/cli.md", "Completion").trim().split("\n");
  const { stdout } = await shell(`${lines[0]!}\ncomplete -p berth`, berth.dataDir, "bash");
  expect(stdout).toContain("berth");
  // These shells aren't everybody's: what they would read is there.
  for (const line of lines.slice(1)) {
    const [command] = /berth completion (zsh|fish)/.exec(line)!;
    expect((await shell(command)).stdout).toContain("berth __complete --");
  }
});

test("a workspace moves here as docs/moving.md says, its agent sending what it always sent", async () => {
  const { stdout } = await shell(commandsUnder("docs/moving.md", "One after the other"));
  const [created, registered, heard, found, whole, events, ours, removed] = answersIn(stdout);
  expect(created).toMatchObject({ backend: "external", status: "awaiting_agent" });
  expect(registered).toMatchObject({ workspace_id: created!["id"], status: "online" });
  expect(heard).toMatchObject({ status: "online", next_heartbeat_s: 30 });
  expect(found).toMatchObject([{ id: created!["id"], active_tasks: 1 }]);
  expect(whole!["agent"]).toMatchObject({ url: "http://10.0.0.7:9000", current_task: "indexing" });
  expect(JSON.stringify(events)).toContain("workspace.online");
  expect(ours).toMatchObject({ backend: "process", status: "online" });
  expect(removed).toMatchObject({ id: created!["id"], status: "removed" });
  await shell("berth rm echo");
});

test("started as docs/webhooks.md says Berth sends to this machine, which it otherwise refuses", async () => {
  const { stdout } = await shell("berth webhooks create http://127.0.0.1:9/ && berth webhooks -o json");
  expect(stdout).toContain("http://127.0.0.1:9/");
});

test("what docs/operations.md and docs/events.md have `curl` ask is answered: a bulk tried out, and a stream of events", async () => {
  await shell("berth create echo --backend process --label team:red -- sleep 600");
  const bulk = await shell(commandsUnder("docs/operations.md", "`POST /operations/bulk`"));
  expect(answersIn(bulk.stdout)).toMatchObject([{ kind: "pause", dry_run: true }]);
  const here = { "curl -N": "curl -sS -N --max-time 2 -H 'Last-Event-ID: 0'" };
  const stream = await shell(
    `${commandsUnder("docs/events.md", "`GET /events/stream`", here).trim()} || true`,
  );
  expect(stream.stdout).toContain('"event_type":"workspace.online"');
  await shell("berth rm echo");
});

test("the client's programs run as docs/client.md and its README have them", async () => {
  const here = { "http://127.0.0.1:8080": url };
  const page = [
    ...blocksUnder("docs/client.md", "The client for TypeScript", here),
    ...blocksUnder("docs/client.md", "Lists", here),
    ...blocksUnder("docs/client.md", "Events and logs", here),
  ];
  const first = await runProgram("page", page.map(({ text }) => text).join("\n"));
  expect(first).toMatch(/^echo\n\d+ events\n[^]*\d+ workspace\.restart\.succeeded\n/);
  await shell("berth rm echo");
  const [readme] = blocksUnder("packages/client/README.md", "@berth/client", here);
  await runProgram("readme", readme!.text);
  await shell("berth rm echo");
});

/** A program of a page's, in a folder where `@berth/client` is found. @returns its output */
async function runProgram(name: string, text: string): Promise<string> {
  const directory = join(ROOT, "test/e2e/.programs");
  const file = join(directory, `${name}.mts`);
  await mkdir(directory, { recursive: true });
  try {
    await writeFile(file, text);
    const program = [...programOf(file).execArgv, file];
    return (await promisify(execFile)(process.execPath, program, { env })).stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}
