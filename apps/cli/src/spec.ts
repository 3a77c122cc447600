import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { defined } from "./defined.js";
import type { Workspace } from "@berth/client";
import type { Command } from "commander";
import { choice } from "./command.js";
import type { Context } from "./context.js";
import { CliError, EXIT } from "./exit.js";
import { variable } from "./parse.js";

type Spec = Workspace["spec"];

export interface SpecOptions {
  image?: string;
  env?: Record<string, string>;
  tier?: "1" | "2" | "3";
  readiness?: "agent" | "running";
  spec?: string;
}

/** The options that say what a workspace runs. */
export function specOptions(command: Command): Command {
  return command
    .option("-i, --image <image>", "container image")
    .option("-e, --env <NAME=value>", "a variable of its environment; repeat it for several", variable)
    .addOption(choice("--tier <tier>", "how much memory and processor it may use", ["1", "2", "3"]))
    .addOption(choice("--readiness <when>", "when it counts as started", ["agent", "running"]))
    .option("--spec <file>", "the rest of its spec as JSON; - reads it from standard input");
}

/** A spec, or that of a file, with what options say over it. @throws CliError if the file can't be read */
export async function readSpec(
  { stdin, cwd }: Context,
  given: SpecOptions,
  argv: readonly string[],
  before: Spec,
): Promise<Spec> {
  const { image, env, tier, readiness, spec: file } = given;
  const own = [image, env, tier, readiness, file].every((one) => one === undefined);
  if (own && argv.length === 0) return before;
  const base = file === undefined ? before : parse(file, await read(file, { stdin, cwd }));
  return {
    ...base,
    ...(argv.length === 0 ? {} : { command: [...argv] }),
    ...defined({ image }),
    ...(env === undefined ? {} : { env: { ...base.env, ...env } }),
    ...(tier === undefined ? {} : { tier: Number(tier) as 1 | 2 | 3 }),
    ...defined({ readiness }),
  };
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
