import { BerthError } from "@berth/client";
import { CommanderError } from "commander";
import type { Surroundings } from "./context.js";
import { CliError, EXIT, type Exit } from "./exit.js";
import { told } from "./hints.js";
import { plain } from "./output/table.js";
import { createProgram } from "./program.js";

/** Carries out a command line. @returns the exit code; what went wrong has been told in one line. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<Exit> {
  try {
    await createProgram(surroundings).parseAsync([...args], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    const { exit, message } = judge(error, surroundings.signal);
    if (message === "") return exit;
    const given = args.slice(0, ended(args));
    const json = given.includes("--json") || /(^| )(-o|--output)[ =]?(json|yaml)/.test(given.join(" "));
    surroundings.stderr.write(json ? `${asJson(error, exit, message)}\n` : `berth: ${plain(message)}\n`);
    return exit;
  }
}

/** What follows `--` is a workspace's command, and no option of ours. */
function ended(args: readonly string[]): number {
  const at = args.indexOf("--");
  return at === -1 ? args.length : at;
}

/** One line for programs: the exit code, the words, and of what Berth refused its problem. */
function asJson(error: unknown, exit: Exit, message: string): string {
  const problem = error instanceof BerthError ? { ...error.problem, code: error.code } : {};
  return JSON.stringify({ error: { exit, message, ...problem } });
}

function judge(error: unknown, signal: AbortSignal): { exit: Exit; message: string } {
  if (error instanceof CommanderError) return usage(error);
  if (error instanceof CliError) return error;
  if (signal.aborted) return { exit: EXIT.interrupted, message: "" };
  if (error instanceof BerthError) return told(error);
  const { message, stack } = error as Error;
  return {
    exit: EXIT.failed,
    message: `this is a bug of the command: ${message} (${stack?.split("\n")[1]?.trim()})`,
  };
}

/** Help and version are thrown as well, with 0. */
function usage({ exitCode, message, code }: CommanderError): { exit: Exit; message: string } {
  if (exitCode === 0) return { exit: EXIT.ok, message: "" };
  // A group without a command has shown its help.
  if (code === "commander.help") return { exit: EXIT.usage, message: "" };
  const line = message
    .replace(/^error: /, "")
    .replaceAll(/\s*\n\s*/g, " ")
    .trim();
  return { exit: EXIT.usage, message: `${line}; see: berth --help` };
}
