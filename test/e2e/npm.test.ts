import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test, vi } from "vitest";
import { blocksUnder } from "../support/pages.js";
import { newDirectory, postgresPid } from "./standalone-process.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** `npm start` builds first, if anything has changed since. */
const START_MS = 180_000;
vi.setConfig({ testTimeout: START_MS + 60_000 });

/** Those that end by themselves, soon. */
const SHORT = ["build", "typecheck:test", "lint", "format", "format:check", "knip", "check"];

/** A process and all that came of it. */
async function treeOf(root: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-e", "-o", "pid=,ppid="]);
  const all = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const found = new Set([root]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const [pid, parent] of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

let npm: ChildProcess | undefined;
let tree: number[] = [];
afterAll(() => {
  for (const pid of tree.filter(isAlive)) process.kill(pid, "SIGKILL");
});

test("SIGTERM to npm start ends the server and its PostgreSQL, and leaves no orphan", async () => {
  const dataDir = await newDirectory();
  const [start, tests] = blocksUnder("README.md", "Start").map(({ text }) => text.trim());
  // `npm ci` would pull the rug from under all who run now: .ci/run does it, and runs the tests.
  expect([start, tests]).toEqual(["npm ci && npm start", "npm ci && npm test"]);
  npm = spawn("npm", ["start"], {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      TMPDIR: tmpdir(),
      PORT: "0",
      BERTH_BACKENDS: "process",
      BERTH_DATA_DIR: dataDir,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  npm.stdout!.on("data", (text) => (said += String(text)));
  const exit = once(npm, "exit");
  await vi.waitFor(() => expect(said).toContain("Ctrl-C"), { timeout: START_MS, interval: 100 });
  tree = await treeOf(npm.pid!);
  // npm, the server and its PostgreSQL, which is a tree of its own.
  expect(tree.length).toBeGreaterThan(3);
  const postgres = await postgresPid(dataDir);
  expect(tree).toContain(postgres);

  npm.kill("SIGTERM");
  await exit;
  await vi.waitFor(() => expect(tree.filter(isAlive)).toEqual([]), { timeout: 30_000, interval: 100 });
});

// npm tells its child, which is a shell, and a shell tells nobody: it has to have become the program.
test("each script that runs for long is what npm's signals reach", async () => {
  const { scripts } = JSON.parse(await readFile(`${ROOT}/package.json`, "utf8")) as {
    scripts: Record<string, string>;
  };
  const deaf = Object.entries(scripts).filter(
    ([name, line]) => !SHORT.includes(name) && !/^([A-Z_]+=\S+ )*exec /.test(line.split(" && ").at(-1)!),
  );
  expect(deaf).toEqual([]);
});
