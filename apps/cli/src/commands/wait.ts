import { BerthError, STATUSES, type Workspace } from "@berth/client";
import { action, examples, type Register, workspaceArgument } from "../command.js";
import { printJson } from "../context.js";
import { CliError, EXIT } from "../exit.js";
import { span } from "../output/times.js";
import { duration, words } from "../parse.js";
import { oneOf } from "../words.js";
import { findWorkspace } from "../workspaces.js";

export const wait: Register = (program, surroundings) => {
  const command = program
    .command("wait")
    .addArgument(workspaceArgument())
    .summary("wait until one has a status")
    .description("Waits until a workspace has one of these statuses. Ends with 1 if it is failed instead.")
    .option("--for <status...>", `which: ${STATUSES.join(", ")} (default: online)`, words)
    .option("--timeout <duration>", "how long to wait at most", duration, 300_000)
    .action(
      action<{ for?: string[]; timeout: number }>(surroundings, async (context, options, given: string) => {
        const { berth, signal, progress, print, json } = context;
        const wanted = oneOf("--for", STATUSES, options.for ?? ["online"]);
        const found = await findWorkspace(context, given, { removed: wanted.includes("removed") });
        const { id, name } = found;
        let last = found.status;
        const show = ({ status }: Workspace): void => {
          last = status;
          if (status !== "failed" && !wanted.includes(status)) progress.show(`${name}: ${status}`);
        };
        const { timeout: timeoutMs } = options;
        const seen = await berth
          .waitFor(id, [...wanted, "failed"], { timeoutMs, signal, roundS: 1, onRound: show })
          .catch((error: unknown) => {
            if (!(error instanceof BerthError) || error.code !== "timed_out") throw error;
            throw new CliError(
              EXIT.timedOut,
              `${name} isn't ${wanted.join(" or ")} within ${span(timeoutMs)}: it is ${last}`,
              `see: berth why ${id}`,
            );
          });
        if (!wanted.includes(seen.status)) {
          const reason = seen.status_reason === null ? "" : `: ${seen.status_reason}`;
          throw new CliError(EXIT.failed, `${name} is ${seen.status}${reason}`, `see: berth why ${id}`);
        }
        if (json) return printJson(context, seen);
        print(`${name} is ${seen.status}`);
      }),
    );
  examples(
    command,
    "berth wait echo",
    "berth wait echo --for paused,hibernated --timeout 2m",
    "berth wait echo --timeout 10s || echo exit code $?",
  );
};
