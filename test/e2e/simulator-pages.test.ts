import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@berth/standalone/postgres/free-port";
import { expect, onTestFinished, test, vi } from "vitest";
import { programOf } from "../support/programs.js";
import { blocksUnder, commandsUnder, ROOT } from "../support/pages.js";

const PAGE_PORT = "4566";

test("the simulator's README: its command, its programs and its faults do what they say", async () => {
  const port = String(await freePort());
  const here = { [PAGE_PORT]: port };
  const [line, program] = blocksUnder("packages/ec2-simulator/README.md", "berth-ec2-simulator", here);
  const [inTest] = blocksUnder("packages/ec2-simulator/README.md", "In a test");
  const simulator = spawn("sh", ["-c", `exec ${line!.text}`], { cwd: ROOT, stdio: "ignore", detached: true });
  const exit = once(simulator, "exit");
  onTestFinished(async () => {
    process.kill(-simulator.pid!, "SIGTERM");
    await exit;
  });
  const health = () => fetch(`http://127.0.0.1:${port}/_sim/health`).then(({ status }) => status);
  await vi.waitFor(async () => expect(await health()).toBe(200));
  await run("first", program!.text);
  const counts = await (await fetch(`http://127.0.0.1:${port}/_sim/state?counts=true`)).json();
  expect(counts).toMatchObject({ counts: { instances: 1 } });
  expect(await run("in-test", inTest!.text)).toBe("");
  const faults = commandsUnder("packages/ec2-simulator/README.md", "Faults", here);
  await promisify(execFile)("sh", ["-e", "-c", faults.replaceAll("curl ", "curl -sS --fail-with-body ")]);
  const listed = await (await fetch(`http://127.0.0.1:${port}/_sim/faults`)).json();
  expect(JSON.stringify(listed)).toMatch(/InternalError.*eu-west-1a/);
});

/** A program of a page's, in a folder where the packages are found. @returns its output */
async function run(name: string, text: string): Promise<string> {
  const directory = join(ROOT, `test/e2e/.programs-${name}`);
  const file = join(directory, "program.mjs");
  await mkdir(directory, { recursive: true });
  try {
    await writeFile(file, text);
    return (await promisify(execFile)(process.execPath, [...programOf(file).execArgv, file])).stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}
