import { execFile } from "node:child_process";
import { mkdtemp, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProgram } from "../../apps/cli/src/program.js";
import { command, startStage, type Stage } from "./berth.js";

const BIN = fileURLToPath(new URL("../../apps/cli/bin/berth.js", import.meta.url));
const program = createProgram({
  stdout: { write: () => undefined },
  stderr: { write: () => undefined },
  stdin: (async function* () {})(),
  env: {},
  cwd: "/",
  signal: new AbortController().signal,
});
const commands = program.commands.filter((one) => !one.name().startsWith("__"));

describe("the help", () => {
  it("shows every command under a heading, what to begin with, and the exit codes; it needs no Berth", async () => {
    const { code, stdout, stderr } = await command(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const one of commands) expect(stdout).toMatch(new RegExp(`^  ${one.name()}\\b.* {2,}\\S`, "m"));
    expect(stdout).toContain("berth create echo");
    expect(stdout).toContain("Exit codes: 0 done, 1 failed, 2 wrong usage");
    expect((await command(["--version"])).stdout).toBe("0.1.0\n");
  });

  it.each(commands.map((one) => [one.name(), one] as const))(
    "of %s has examples, in which only commands and options appear that there are",
    async (name) => {
      const { stdout } = await command([name, "--help"]);
      const [, examples] = stdout.split("\nExamples:\n");
      const lines = examples!
        .trimEnd()
        .split("\n")
        .filter((line) => /^ {2}berth /.test(line));
      expect(examples).toContain(`berth ${name}`);
      for (const line of lines) {
        const words = line
          .trim()
          .split(/ (?:\||\|\|) /)[0]!
          .split(" -- ")[0]!
          .split(" ")
          .slice(1);
        const found = program.commands.find((one) => one.name() === words[0])!;
        const nested = found.commands.find((one) => one.name() === words[1]);
        const known = [
          found,
          nested,
          nested === undefined ? found.commands.find((one) => one.name() === "list") : nested,
          program,
        ]
          .flatMap((one) => one?.options ?? [])
          .flatMap(({ short, long }) => [short, long]);
        for (const word of words.filter((one) => /^--?[a-z]/.test(one))) expect(known, line).toContain(word);
      }
    },
  );
});

describe("completion", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage();
    await stage.api.create({ name: "echo" });
    await stage.api.create({ name: "edit" });
  });
  afterAll(() => stage.close());
  const offered = async (...words: string[]): Promise<string[]> =>
    (await command(["__complete", "--", ...words], { env: stage.env })).stdout
      .split("\n")
      .filter((one) => one !== "");

  it("offers commands, their options, their choices and the names of workspaces", async () => {
    expect(await offered("")).toEqual(expect.arrayContaining(["up", "create", "ls", "ops", "completion"]));
    expect(await offered("")).not.toContain("__complete");
    expect(await offered("ops", "")).toEqual(expect.arrayContaining(["get", "cancel", "retry", "bulk"]));
    expect(await offered("ops", "bulk", "")).toEqual(expect.arrayContaining(["restart", "delete", "echo"]));
    expect(await offered("restart", "")).toEqual(["echo", "edit"]);
    expect(await offered("events", "--workspace", "")).toEqual(["echo", "edit"]);
    expect(await offered("create", "--backend", "")).toEqual(["docker", "process", "ec2", "external"]);
    expect(await offered("ls", "--")).toEqual(expect.arrayContaining(["--status", "--label", "--json"]));
  });

  it("offers what it can where Berth doesn't answer, and says nothing of it", async () => {
    const env = { BERTH_URL: "http://127.0.0.1:1", BERTH_KEY: "x" };
    expect(await command(["__complete", "--", "restart", ""], { env })).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  it("works in bash", async () => {
    const bin = await mkdtemp(join(tmpdir(), "bin-"));
    await symlink(BIN, join(bin, "berth"));
    const complete = `source <(berth completion bash)
      for typed in "berth re" "berth restart ec" "berth ops ca"; do
        COMP_WORDS=($typed); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _berth; echo "\${COMPREPLY[*]}"
      done`;
    const { stdout } = await promisify(execFile)("bash", ["--norc", "-c", complete], {
      env: { ...stage.env, PATH: `${bin}:${process.env.PATH}` },
    });
    expect(stdout).toBe("restart resume\necho\ncancel\n");
  });

  it("has a script for each shell, and for no other", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { stdout } = await command(["completion", shell]);
      expect(stdout).toContain("berth __complete --");
    }
    expect(await command(["completion", "csh"])).toMatchObject({ code: 2 });
  });
});
