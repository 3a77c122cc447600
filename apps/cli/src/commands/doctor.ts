import { action, examples, type Register } from "../command.js";
import { CliError, EXIT } from "../exit.js";
import { runServerProgram } from "./up.js";

export const doctor: Register = (program, surroundings) => {
  const command = program
    .command("doctor")
    .summary("ask all that the server's settings lead to, and change nothing")
    .description(
      "Reads the environment as the server does, and asks PostgreSQL, Redis and each place for all that will be needed: " +
        "a line for each thing, and for each lack its cure. Exits 1 if something is wrong.",
    )
    .action(
      action(surroundings, async ({ env, cwd }) => {
        const exit = await runServerProgram("doctor-main.js", [], { env, cwd });
        if (exit !== 0) throw new CliError(EXIT.failed, "");
      }),
    );
  examples(command, "berth doctor");
};
