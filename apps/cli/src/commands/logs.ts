import { action, examples, type Register, workspaceArgument } from "../command.js";
import { inert, plain } from "../output/table.js";
import { count } from "../parse.js";
import { findWorkspace } from "../workspaces.js";

interface Options {
  follow?: true;
  tail: number;
  timestamps?: true;
  raw?: true;
}

export const logs: Register = (program, surroundings) => {
  const command = program
    .command("logs")
    .addArgument(workspaceArgument())
    .summary("read or follow what one writes")
    .description(
      "Shows the last lines that a workspace wrote. With --follow it goes on over restarts and cut connections.",
    )
    .option("-f, --follow", "go on with what is written next, until the workspace is removed")
    .option("-n, --tail <number>", "the last so many lines, at most 10000", count, 100)
    .option("-t, --timestamps", "when each was written, where the backend knows")
    .option("--raw", "also what steers the terminal, such as colours: only of programs that you trust")
    .action(
      action<Options>(surroundings, async (context, options, given: string) => {
        const { follow = false, tail, timestamps, raw } = options;
        const { berth, signal, json, stdout, tell } = context;
        const shown = raw === true || stdout.isTTY !== true ? String : inert;
        const { id } = await findWorkspace(context, given);
        for await (const message of berth.logs(id, { follow, tail, signal })) {
          if (json) stdout.write(`${JSON.stringify(message)}\n`);
          else if (message.type === "line") {
            const time = timestamps === undefined || message.time === null ? "" : `${message.time} `;
            stdout.write(`${time}${shown(message.text)}\n`);
          } else if (message.type === "gap") tell("(lines are missing here)");
          else if (message.type === "trouble") tell(`(${plain(message.detail)}; asking again)`);
          else if (message.generation > 1 && follow) tell(`(generation ${message.generation})`);
        }
      }),
    );
  examples(
    command,
    "berth logs echo --tail 20",
    "berth logs -f echo",
    "berth logs echo --json | jq -r .text",
  );
};
