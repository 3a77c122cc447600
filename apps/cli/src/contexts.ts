import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CliError, EXIT } from "./exit.js";

/** Where somebody has logged in. */
export interface Contexts {
  /** The name of the one in use. */
  current: string | null;
  contexts: Readonly<Record<string, { url: string; key: string }>>;
}

/** `$XDG_CONFIG_HOME/berth/contexts.json` */
function fileOf(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "berth", "contexts.json");
}

/** @throws CliError if the file is there and can't be read */
export function readContexts(env: NodeJS.ProcessEnv): Contexts {
  const file = fileOf(env);
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Contexts;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { current: null, contexts: {} };
    throw new CliError(
      EXIT.usage,
      `${file} can't be read (${(error as Error).message})`,
      "mend or remove it",
    );
  }
}

/** It appears whole, and nobody else may read it: it has keys. @throws CliError if it can't be written */
export function keepContexts(env: NodeJS.ProcessEnv, contexts: Contexts): void {
  const file = fileOf(env);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.partial`, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${file}.partial`, file);
  } catch (error) {
    throw new CliError(EXIT.failed, `${file} can't be written (${(error as Error).message})`);
  }
}
