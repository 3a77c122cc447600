import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { neededServices } from "../support/needed-services.js";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const text = (name: string): Promise<string> => readFile(join(ROOT, name), "utf8");
const scriptsOf = async () =>
  (JSON.parse(await text("package.json")) as { scripts: Record<string, string> }).scripts;

describe("the migrations", () => {
  it("have a number each, without a gap: what is applied is told by how many there are", () => {
    const files = readdirSync(join(ROOT, "packages/core/migrations")).toSorted();
    expect(files.map((name) => Number(name.slice(0, 4)))).toEqual(files.map((_, index) => index + 1));
  });
});

describe("the tests", () => {
  it("are each in npm test or, by their name, in npm run test:long, and nowhere else", async () => {
    const scripts = await scriptsOf();
    const [short, long] = await Promise.all([
      selectedBy(scripts["test"]!),
      selectedBy(scripts["test:long"]!),
    ]);
    const files = ["test", "packages", "apps"].flatMap((folder) => testFilesIn(folder)).toSorted();
    expect([...short, ...long].toSorted()).toEqual(files);
    expect(long).toEqual(files.filter((file) => file.endsWith(".long.test.ts")));
    expect(long).not.toEqual([]);
  });

  it("start only the services that their files ask for, themselves or by what they import", () => {
    const needs = (...files: string[]) => neededServices(files.map((file) => join(ROOT, "test", file)));
    expect(needs("base/deadline.test.ts")).toEqual([]);
    expect(needs("db/events.test.ts")).toEqual(["postgres"]);
    expect(needs("worker/retry.test.ts", "base/deadline.test.ts")).toEqual(["postgres", "redis"]);
    expect(needs("demo/demo.test.ts")).toContain("docker");
  });
});

describe("npm run check and .ci/run", () => {
  it("run the same steps, the README's test line and the long run among them", async () => {
    const [check, ci, readme, scripts] = await Promise.all([
      text("scripts/check.sh"),
      text(".ci/run"),
      text("README.md"),
      scriptsOf(),
    ]);
    expect(scripts["check"]).toBe("scripts/check.sh");
    expect(ci).toMatch(/\bnpm ci\b[^]*\nexec scripts\/check\.sh /);
    expect(readme).toContain("npm ci && npm test\n");
    const steps = [...check.matchAll(/^(?:step|tests|told) "([^"]+)"/gm)].map((match) => match[1]);
    expect(steps).toEqual(expect.arrayContaining(["build", "lint", "test", "test:long"]));
    for (const file of [".ci/run", "scripts/check.sh", "scripts/newest-node.sh"])
      expect(statSync(join(ROOT, file)).mode & 0o111, `${file} can be run`).not.toBe(0);
  });

  const report = (passed: number, failed: number) => ({
    numPassedTests: passed,
    numFailedTests: failed,
    testResults: [
      {
        name: join(ROOT, "test/a.test.ts"),
        startTime: 0,
        endTime: 61_000,
        status: "passed",
        assertionResults: [],
      },
    ],
  });
  it.each([
    ["both runs", { test: report(7, 0), "test:long": report(2, 0) }, [], "9 passed, 0 failed", 0],
    [
      "tests that failed, once",
      { test: report(7, 2), "test:long": report(2, 0) },
      ["test"],
      "9 passed, 2 failed",
      1,
    ],
    [
      "a step without tests",
      { test: report(7, 0), "test:long": report(2, 0) },
      ["lint"],
      "9 passed, 1 failed",
      1,
    ],
    ["a leak, which no test tells of", { test: report(7, 0) }, ["test"], "7 passed, 1 failed", 1],
    [
      "a run that was ended before it could report",
      { test: report(7, 1) },
      ["test", "test:long"],
      "7 passed, 2 failed",
      1,
    ],
    ["half of a report", { test: "{", "test:long": report(2, 0) }, ["test"], "2 passed, 1 failed", 1],
  ])("count %s", async (_, reports, failedSteps, line, code) => {
    const directory = await mkdtemp(join(tmpdir(), "reports-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, "failed"), failedSteps.map((name) => `${name}\n`).join(""));
    for (const [name, one] of Object.entries(reports))
      await writeFile(join(directory, `${name}.json`), typeof one === "string" ? one : JSON.stringify(one));
    const run = await numbersOf(directory);
    expect(run.stdout.trimEnd().split("\n").at(-1)).toBe(line);
    expect(run.code).toBe(code);
    if (typeof reports.test !== "string") expect(run.stdout).toContain("61  test/a.test.ts");
  });

  it("name each test that failed, and why, once more at their end", async () => {
    const directory = await mkdtemp(join(tmpdir(), "reports-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, "failed"), "newest Node\n");
    const failed = {
      ...report(1, 1),
      testResults: [
        {
          name: join(ROOT, "test/a.test.ts"),
          startTime: 0,
          endTime: 1_000,
          status: "failed",
          assertionResults: [
            { status: "passed", fullName: "a works", failureMessages: [] },
            {
              status: "failed",
              fullName: "a lasts",
              failureMessages: ["Error: it didn't\n    at a.test.ts:1"],
            },
          ],
        },
        {
          name: join(ROOT, "test/b.test.ts"),
          startTime: 0,
          endTime: 1_000,
          status: "failed",
          message: "no such module",
          assertionResults: [],
        },
      ],
    };
    await writeFile(join(directory, "newest Node.json"), JSON.stringify(failed));
    const { stdout } = await numbersOf(directory);
    expect(stdout).toContain("FAILED test/a.test.ts > a lasts\n    Error: it didn't\n");
    expect(stdout).toContain("FAILED test/b.test.ts\n    no such module\n");
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("1 passed, 2 failed");
  });

  it("tell of a run that doesn't count, and don't count it", async () => {
    const directory = await mkdtemp(join(tmpdir(), "reports-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, "failed"), "");
    await writeFile(join(directory, "test.json"), JSON.stringify(report(7, 0)));
    await writeFile(join(directory, "test:long.told.json"), JSON.stringify(report(2, 1)));
    const { stdout, code } = await numbersOf(directory);
    expect(stdout.trimEnd().split("\n").slice(-2)).toEqual([
      "test:long, not counted: 2 passed, 1 failed",
      "7 passed, 0 failed",
    ]);
    expect(code).toBe(0);
  });
});

/** What check.sh would say of the reports in a directory, and its exit code. */
function numbersOf(directory: string): Promise<{ code: number; stdout: string }> {
  return exec(process.execPath, ["scripts/check-numbers.mjs", directory], { cwd: ROOT }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
}

/** The files that `vitest run …` of an npm script would run, by paths from the root. */
async function selectedBy(script: string): Promise<string[]> {
  const args = /vitest run (.*)$/
    .exec(script)![1]!
    .split(" ")
    .map((word) => word.replaceAll("'", ""));
  const { stdout } = await exec("node_modules/.bin/vitest", ["list", "--filesOnly", ...args, "--json"], {
    cwd: ROOT,
  });
  return (JSON.parse(stdout) as { file: string }[]).map(({ file }) => file.slice(ROOT.length)).toSorted();
}

function testFilesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return entry.name === "node_modules" || entry.name === "dist" ? [] : testFilesIn(path);
    return entry.name.endsWith(".test.ts") ? [path] : [];
  });
}
