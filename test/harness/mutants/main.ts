// npm run chaos:mutants [-- --only <part of a name>[,…]] [--seed 7] [--minutes 1]
import { execFile } from "node:child_process";
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { MUTANTS, type Mutant } from "./list.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const COPIED = [
  "apps",
  "packages",
  "test",
  "docs",
  "package.json",
  "tsconfig.json",
  "tsconfig.base.json",
  "vitest.config.ts",
];
const TESTS_LIMIT_MS = 600_000;
const CHAOS_LIMIT_MS = 600_000;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    seed: { type: "string", default: "7" },
    minutes: { type: "string", default: "1" },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);

// What runs is told to end, and ends what it has started.
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());

const tree = await mkdtemp(join(tmpdir(), "berth-mutants-"));
let survivors = 0;
let undecided = 0;
try {
  await copyTree(tree);
  for (const mutant of MUTANTS.filter(({ name }) =>
    values.only.split(",").some((part) => name.includes(part)),
  )) {
    const told = `${mutant.name} (${mutant.breaks})`;
    try {
      const by = await withMutant(tree, mutant, () => catcherOf(mutant));
      if (by === null) survivors++;
      say(by === null ? `SURVIVED   ${told}` : `caught     ${told}: ${by}`);
    } catch (error) {
      interrupted.signal.throwIfAborted();
      undecided++;
      say(`UNDECIDED  ${told}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
} finally {
  await rm(tree, { recursive: true, force: true });
}
say(`${survivors} survived, ${undecided} undecided`);
process.exitCode = survivors + undecided === 0 ? 0 : 1;

/** What noticed the defect, in words; null if nothing did. */
async function catcherOf({ tests, seed, minutes }: Mutant): Promise<string | null> {
  const build = await run("node_modules/typescript/bin/tsc", ["-b"], TESTS_LIMIT_MS);
  if (build !== null) throw new Error(`the mutant doesn't build: ${build}`);
  if (tests !== undefined) {
    const failed = await run("node_modules/vitest/vitest.mjs", ["run", ...tests], TESTS_LIMIT_MS);
    const names = [...new Set(failed?.match(/(?<=FAIL.*)test\/\S+\.test\.ts/g))];
    // Without a test that failed, the run itself has.
    if (failed !== null && names.length === 0)
      throw new Error(`the tests didn't run: ${failed.slice(-2_000)}`);
    if (failed !== null) return names.join(", ");
  }
  const args = ["--minutes", String(minutes ?? values.minutes), "--seed", String(seed ?? values.seed)];
  const chaos = await run("test/harness/main.ts", args, CHAOS_LIMIT_MS, [
    "--import",
    "tsx",
    "--conditions=source",
  ]);
  if (chaos === null) return null;
  const checks = chaos
    .split("\n")
    .flatMap((line) => /^\| (\w+) \| .* \| ([1-9]\d*) \|$/.exec(line)?.slice(1, 3).join(" ") ?? []);
  if (checks.length === 0) throw new Error(`the harness didn't run: ${chaos.slice(-2_000)}`);
  return `npm run chaos -- ${args.join(" ")}: ${checks.join(", ")}`;
}

/** What it wrote, if it failed. */
async function run(
  script: string,
  args: string[],
  limitMs: number,
  node: string[] = [],
): Promise<string | null> {
  const options = {
    cwd: tree,
    timeout: limitMs,
    maxBuffer: 2 ** 27,
    killSignal: "SIGINT" as const,
    signal: interrupted.signal,
  };
  return promisify(execFile)(process.execPath, [...node, script, ...args], options).then(
    () => null,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      interrupted.signal.throwIfAborted();
      return `${stdout}\n${stderr}`;
    },
  );
}

async function withMutant<Result>(
  root: string,
  { name, file, find, replace }: Mutant,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = join(root, file);
  const before = await readFile(path, "utf8");
  if (before.split(find).length !== 2)
    throw new Error(`${name}: ${file} has what it changes not exactly once`);
  await writeFile(
    path,
    before.replace(find, () => replace),
  );
  try {
    return await work();
  } finally {
    await writeFile(path, before);
  }
}

/** A copy that is built by itself: its workspaces' packages are its own, all others those of this checkout. */
async function copyTree(to: string): Promise<void> {
  for (const name of COPIED)
    await cp(join(ROOT, name), join(to, name), { recursive: true, verbatimSymlinks: true });
  const [from, modules] = [join(ROOT, "node_modules"), join(to, "node_modules")];
  await mkdir(modules);
  for (const name of await readdir(from)) {
    if (name.startsWith("@")) {
      await mkdir(join(modules, name));
      for (const scoped of await readdir(join(from, name))) await link(from, modules, join(name, scoped));
    } else await link(from, modules, name);
  }
}

/** A workspace's package is a link to a folder beside `node_modules`: copied as it is, it leads into the copy. */
async function link(from: string, to: string, name: string): Promise<void> {
  const own = (await lstat(join(from, name))).isSymbolicLink();
  if (own) await cp(join(from, name), join(to, name), { verbatimSymlinks: true });
  else await symlink(join(from, name), join(to, name));
}
