import { createClient } from "@berth/client";
import { createInterface } from "node:readline/promises";
import { action, examples, type Register } from "../command.js";
import { type Context, printJson } from "../context.js";
import { keepContexts, readContexts } from "../contexts.js";
import { CliError, EXIT } from "../exit.js";
import { table } from "../output/table.js";
import { addressOf, DEFAULT_URL } from "../settings.js";

export const login: Register = (program, surroundings) => {
  const command = program
    .command("login")
    .argument("[url]", `where Berth answers; default ${DEFAULT_URL}`)
    .summary("keep an address and its key")
    .description(
      "Tries an address with a key, keeps both under a name, and uses them from now on. The key is read from standard input " +
        "(or asked for), so that no list of processes shows it.",
    )
    .option("--name <name>", "what it is called; default: the address's host")
    .action(
      action<{ name?: string }>(surroundings, async (context, { name }, given: string = DEFAULT_URL) => {
        const { env, signal, print } = context;
        const url = addressOf(given, "the address");
        const key = env["BERTH_KEY"] || (await askForKey(context));
        if (key === "") throw new CliError(EXIT.usage, "no key was given");
        const berth = createClient({ url, key, retry: { tries: 1 } });
        const { data } = await berth.GET("/now", { signal });
        const called = name ?? new URL(url).host;
        const { contexts: before } = readContexts(env);
        keepContexts(env, { current: called, contexts: { ...before, [called]: { url, key } } });
        print(`Logged in to ${data.deployment_id} at ${url}; it is called ${called}, and is in use.`);
      }),
    );
  examples(
    command,
    "berth login https://berth.example",
    "berth login https://berth.example --name production < key",
  );
};

export const contexts: Register = (program, surroundings) => {
  const command = program
    .command("contexts")
    .summary("the addresses that are kept")
    .description("Lists where one has logged in; the one in use has a star.")
    .action(
      action(surroundings, async (context) => {
        const { current, contexts: kept } = readContexts(context.env);
        const rows = Object.entries(kept).map(([name, { url }]) => ({
          name,
          url,
          current: name === current,
        }));
        if (context.json) return printJson(context, rows);
        if (rows.length === 0) return context.tell("There are none. Make one: berth login <url>");
        const shown = rows.map((one) => [one.current ? "*" : "", one.name, one.url]);
        context.print(table(context.paint, ["", "NAME", "URL"], shown));
      }),
    );
  examples(command, "berth contexts", "berth contexts -o name");
};

export const use: Register = (program, surroundings) => {
  const command = program
    .command("use")
    .argument("<name>", "one of `berth contexts`")
    .summary("use another of them")
    .description("Uses another of the addresses that are kept, from now on. --context does so once.")
    .action(
      action(surroundings, async ({ env, print }, _options, name: string) => {
        const { contexts: kept } = readContexts(env);
        const found = known(kept, name);
        keepContexts(env, { current: name, contexts: kept });
        print(`${name} is in use: ${found.url}`);
      }),
    );
  examples(command, "berth use production", "berth use 127.0.0.1:8080");
};

export const logout: Register = (program, surroundings) => {
  const command = program
    .command("logout")
    .argument("[name]", "one of `berth contexts`; default: the one in use")
    .summary("forget one of them")
    .description("Forgets an address and its key. The key stays valid: berth keys revoke ends it.")
    .action(
      action(surroundings, async ({ env, print }, _options, given?: string) => {
        const { current, contexts: kept } = readContexts(env);
        const name = given ?? current;
        if (name === null) throw new CliError(EXIT.notFound, "no context is in use", "see: berth contexts");
        known(kept, name);
        const { [name]: _gone, ...rest } = kept;
        keepContexts(env, { current: current === name ? null : current, contexts: rest });
        print(`${name} is forgotten.`);
      }),
    );
  examples(command, "berth logout", "berth logout production");
};

function known<T>(kept: Readonly<Record<string, T>>, name: string): T {
  const found = Object.hasOwn(kept, name) ? kept[name] : undefined;
  if (found === undefined)
    throw new CliError(EXIT.notFound, `there is no context ${name}`, "see: berth contexts");
  return found;
}

/** From a pipe its first line; from a terminal, which doesn't show what is typed. */
async function askForKey({ stdin, stdout, tell }: Context): Promise<string> {
  if (stdin !== process.stdin || !process.stdin.isTTY || stdout.isTTY !== true) {
    let text = "";
    for await (const chunk of stdin) text += String(chunk);
    return text.split("\n")[0]!.trim();
  }
  tell("Key (it isn't shown):");
  const silent = { write: () => true } as unknown as NodeJS.WritableStream;
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return (await lines.question("")).trim();
  } finally {
    lines.close();
  }
}
