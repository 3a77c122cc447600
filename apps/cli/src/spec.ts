import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { defined } from "./defined.js";
import type { paths } from "@berth/client";
import type { Command } from "commander";
import { choice } from "./command.js";
import type { Context } from "./context.js";
import { CliError, EXIT } from "./exit.js";
import { reference, type References, variable } from "./parse.js";

/** As a change gives it, which takes all that a new workspace or an answer may have. */
type Spec = NonNullable<
  paths["/workspaces/{id}"]["patch"]["requestBody"]["content"]["application/json"]["spec"]
>;

export interface SpecOptions {
  image?: string;
  env?: Record<string, string>;
  envFrom?: References;
  unsetEnv?: string[];
  tier?: "1" | "2" | "3";
  readiness?: "agent" | "running";
  spec?: string;
}

/** The options that say what a workspace runs. */
export function specOptions(command: Command): Command {
  return command
    .option("-i, --image <image>", "container image")
    .option("-e, --env <NAME=value>", "a variable of its environment; repeat it for several", variable)
    .option(
      "--env-from <NAME=file:name>",
      "a variable that the worker looks up at each launch: file:name in its directory of secrets, env:NAME of its own, or " +
        "on EC2 ssm:/name or secretsmanager:name in the account of its place",
      reference,
    )
    .addOption(choice("--tier <tier>", "how much memory and processor it may use", ["1", "2", "3"]))
    .addOption(choice("--readiness <when>", "when it counts as started", ["agent", "running"]))
    .option("--spec <file>", "the rest of its spec as JSON; - reads it from standard input");
}

/** A spec, or that of a file, with what options say over it. @throws CliError if the file can't be read */
export async function readSpec<S extends Spec>(
  { stdin, cwd }: Context,
  given: SpecOptions,
  argv: readonly string[],
  before: S,
): Promise<S> {
  const { image, env, envFrom, unsetEnv = [], tier, readiness, spec: file } = given;
  const own = [image, env, envFrom, given.unsetEnv, tier, readiness, file].every((one) => one === undefined);
  if (own && argv.length === 0) return before;
  const base: Spec = file === undefined ? before : parse(file, await read(file, { stdin, cwd }));
  const variables = {
    ...base.env,
    ...Object.fromEntries(unsetEnv.map((name) => [name, null])),
    ...envFrom,
    ...env,
  };
  return {
    ...base,
    ...(argv.length === 0 ? {} : { command: [...argv] }),
    ...defined({ image }),
    ...(Object.keys(variables).length === 0 ? {} : { env: variables }),
    ...(tier === undefined ? {} : { tier: Number(tier) as 1 | 2 | 3 }),
    ...defined({ readiness }),
  } as S;
}

async function read(file: string, { stdin, cwd }: Pick<Context, "stdin" | "cwd">): Promise<string> {
  try {
    if (file !== "-") return await readFile(resolve(cwd, file), "utf8");
    let text = "";
    for await (const chunk of stdin) text += String(chunk);
    return text;
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `--spec ${file}: can't be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

function parse(file: string, text: string): Spec {
  try {
    return JSON.parse(text) as Spec;
  } catch (error) {
    throw new CliError(EXIT.usage, `--spec ${file}: expected JSON (${(error as Error).message})`);
  }
}

export function minutes(ms: number): number {
  return Math.max(1, Math.round(ms / 60_000));
}
