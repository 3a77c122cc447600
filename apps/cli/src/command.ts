import { Argument, type Command, Option } from "commander";
import { type Context, createContext, type GlobalOptions, type Surroundings } from "./context.js";
import { duration } from "./parse.js";

/** What a command does, with its options and arguments. */
type Work<O> = (context: Context, options: O, ...given: never[]) => Promise<void>;

/** Adds a command, or several that belong together, to the program. */
export type Register = (program: Command, surroundings: Surroundings) => void;

/** Makes an action for commander of what a command does. */
export function action<O>(
  surroundings: Surroundings,
  work: Work<O>,
): (...params: unknown[]) => Promise<void> {
  return async (...params) => {
    const command = params.at(-1) as Command;
    const context = createContext(surroundings, command.optsWithGlobals<GlobalOptions>());
    const given = params.slice(0, -2) as never[];
    try {
      await work(context, command.opts() as O, ...given);
    } finally {
      context.progress.end();
    }
  };
}

/** Lines below a command's help. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** Whether and how long to wait for an operation. */
export function waits(command: Command): Command {
  return command
    .option("--no-wait", "don't wait for the operation to end")
    .option("--timeout <duration>", "how long to wait at most", duration, 300_000);
}

/** One of a few words. */
export function choice(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, `${description}: ${words.join(", ")}`).choices(words);
}

export const workspaceArgument = (): Argument => new Argument("<workspace>", "its name or id");
