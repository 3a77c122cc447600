import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { newDirectory } from "../e2e/standalone-process.js";
import { commandsUnder, ROOT } from "../support/pages.js";
import { figuresOf } from "./audit/figures.js";
import { noRoot, WITHOUT_ROOT } from "./fleet/root.js";
import { runChaos } from "./run.js";

const SEED = 42;
const FAULTS_MS = 120_000;

it("the line of docs/reliability.md runs it from the shell, and leaves its report", async () => {
  const directory = await newDirectory();
  onTestFinished(() => rm(directory, { recursive: true }));
  const here = { "--minutes 5": "--minutes 0.2", "--report report": `--report ${join(directory, "report")}` };
  const line = commandsUnder("docs/reliability.md", "How it is tested", here);
  const { stdout } = await promisify(execFile)("sh", ["-e", "-c", line], { cwd: ROOT, maxBuffer: 2 ** 26 });
  expect(await readFile(join(directory, "report", "report.md"), "utf8")).not.toBe("");
  expect(stdout).toContain("--seed 42");
}, 600_000);

// The same with other seeds, for longer: npm run chaos.
it("a whole Berth that is broken for two minutes under load keeps every promise (I1 to I11)", async () => {
  const withoutRoot = noRoot();
  if (withoutRoot !== null) console.warn(`The harness goes without ${WITHOUT_ROOT}: ${withoutRoot}.`);
  const { record, report, violations } = await runChaos({
    seed: SEED,
    faultsMs: FAULTS_MS,
    clients: 4,
    withoutRoot,
    checkout: fileURLToPath(new URL("../..", import.meta.url)),
    command: `npm run chaos -- --minutes ${FAULTS_MS / 60_000} --seed ${SEED} --clients 4`,
    reportDirectory: null,
    say: () => undefined,
  });
  expect(violations, report).toBe(0);
  const { requests, made, faults } = figuresOf(record);
  // It proves something only if there was something to break.
  expect(requests.accepted, report).toBeGreaterThan(30);
  expect(made.instances, report).toBeGreaterThan(5);
  expect(
    Object.values(faults).reduce((sum, n) => sum + n, 0),
    report,
  ).toBeGreaterThan(5);
  if (withoutRoot !== null) return;
  expect(made.containers, report).toBeGreaterThan(5);
  const contained = new Set(record.sql.workspaces.flatMap((one) => (one.backend === "docker" ? one.id : [])));
  const heard = record.agents.filter(({ what, status }) => what === "beat" && status === 200);
  expect(heard.filter(({ workspace }) => contained.has(workspace)).length, report).toBeGreaterThan(5);
}, 600_000);
