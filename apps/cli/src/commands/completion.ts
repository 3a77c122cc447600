import { Argument, type Command } from "commander";
import { action, examples, type Register } from "../command.js";
import { type Context, createContext } from "../context.js";

const SHELLS = ["bash", "zsh", "fish"] as const;
/** Of so many workspaces names are offered. */
const NAMES = 200;

/** Each asks the command itself what may come next, so a script never grows old. */
const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `_berth() {
  local IFS=$'\\n' words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(compgen -W "$(berth __complete -- "\${words[@]}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _berth berth`,
  zsh: `#compdef berth
_berth() {
  local -a found
  found=("\${(@f)$(berth __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _berth berth`,
  fish: `complete -c berth -f -a '(berth __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'`,
};

export const completion: Register = (program, surroundings) => {
  const command = program
    .command("completion")
    .addArgument(new Argument("<shell>", "which").choices(SHELLS))
    .summary("a script that completes commands and names in a shell")
    .description("Prints a script with which a shell completes commands, options and names of workspaces.")
    .action(
      action(surroundings, async ({ print }, _options, shell: (typeof SHELLS)[number]) =>
        print(SCRIPTS[shell]),
      ),
    );
  examples(
    command,
    "source <(berth completion bash)     # in ~/.bashrc",
    "source <(berth completion zsh)      # in ~/.zshrc, behind compinit",
    "berth completion fish | source      # in ~/.config/fish/config.fish",
  );
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(async (typed: string[]) => {
      const context = createContext(surroundings, { quiet: true });
      const offered = await offer(program, context, typed);
      if (offered.length > 0) context.print(offered.join("\n"));
    });
};

/** What the last word may be: what it begins with is left to the shell. */
async function offer(program: Command, context: Context, typed: readonly string[]): Promise<string[]> {
  const last = typed.at(-1) ?? "";
  let command = program;
  for (const word of typed.slice(0, -1)) {
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next === undefined) break;
    command = next;
  }
  const options = [...command.options, ...program.options];
  const before = options.find((option) => option.long === typed.at(-2) || option.short === typed.at(-2));
  if (before?.argChoices !== undefined) return [...before.argChoices];
  if (last.startsWith("-")) return options.flatMap(({ long }) => long ?? []);
  const nested = command.commands.map((one) => one.name()).filter((name) => !name.startsWith("__"));
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const wantsName =
    before?.long === "--workspace" ||
    before?.long === "--parent" ||
    command.registeredArguments.some((argument) => argument.name().startsWith("workspace"));
  return [...nested, ...choices, ...(wantsName ? await names(context) : [])];
}

/** A shell that completes has no patience, and shows no errors. */
async function names({ berth }: Context): Promise<string[]> {
  try {
    const params = { query: { limit: NAMES } };
    const { data } = await berth.GET("/workspaces", { params, signal: AbortSignal.timeout(1_000) });
    return data.map(({ name }) => name);
  } catch {
    return [];
  }
}
