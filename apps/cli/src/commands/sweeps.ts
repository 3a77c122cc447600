import { defined } from "../defined.js";
import type { Sweep } from "@berth/client";
import { action, examples, type Register } from "../command.js";
import { type Context, printJson } from "../context.js";
import { CliError, EXIT } from "../exit.js";
import { table } from "../output/table.js";
import { relative, span } from "../output/times.js";

/** The jobs that heal what was leaked, lost or stuck. */
export const sweeps: Register = (program, surroundings) => {
  const group = program
    .command("sweeps")
    .summary("the jobs that heal: list, run, approve, pause, resume")
    .description("The jobs that compare what should be with what is, and act on the difference.");
  group
    .command("list", { isDefault: true })
    .alias("ls")
    .description("Lists them, each with its last run and what its breaker holds.")
    .action(
      action(surroundings, async (context) => {
        const { berth, signal, json, paint, now, print } = context;
        const { data } = await berth.GET("/sweeps", { signal });
        if (json) return printJson(context, data);
        const rows = data.map((one) => [
          one.name,
          stateOf(one),
          one.every_ms === null ? "–" : span(one.every_ms),
          relative(one.last_finished_at, now),
          Object.entries(one.last_counts)
            .filter(([, n]) => n > 0)
            .map(([name, n]) => `${name}=${n}`)
            .join(" ") || "–",
          one.last_error ??
            (one.held === null ? "–" : `holds ${one.held.would_act} acts: berth sweeps approve ${one.name}`),
        ]);
        print(table(paint, ["SWEEP", "STATE", "EVERY", "LAST", "DID", "TROUBLE"], rows));
      }),
    );
  group
    .command("run")
    .argument("<name>", "which")
    .option("--dry-run", "only tell what it would do, and why")
    .description("Has a worker run it now.")
    .action(
      action<{ dryRun?: true }>(surroundings, async (context, { dryRun }, name: string) => {
        const { berth, signal, json, print, paint } = context;
        const query = defined({ dry_run: dryRun });
        const params = { path: { name }, query };
        const { data } = await berth.POST("/sweeps/{name}/run", { params, signal });
        if (json) return printJson(context, data);
        if (!data.dry_run) return print(`${name} is asked for; see: berth sweeps`);
        const held = data.would_hold ? ", which its breaker would hold" : "";
        print(`${name} looked at ${data.looked_at} and would do ${data.actions.length} acts${held}`);
        if (data.actions.length > 0)
          print(
            table(
              paint,
              ["WHAT", "WHY"],
              data.actions.map(({ what, why }) => [what, why]),
            ),
          );
      }),
    );
  const verb = (
    name: "approve" | "pause" | "resume",
    description: string,
    done: string,
    ask: (
      berth: Context["berth"],
      params: { path: { name: string } },
      signal: AbortSignal,
    ) => Promise<{ data: Sweep }>,
  ): void => {
    group
      .command(name)
      .argument("<name>", "which")
      .description(description)
      .action(
        action(surroundings, async (context, _options, sweep: string) => {
          const { data } = await ask(context.berth, { path: { name: sweep } }, context.signal);
          if (context.json) return printJson(context, data);
          if (name === "resume" && data.paused)
            throw new CliError(EXIT.failed, `${sweep} stays paused by the workers' settings`);
          context.print(`${sweep} ${done}`);
        }),
      );
  };
  verb(
    "approve",
    "Lets it do what its breaker holds now, and no more.",
    "may do what it held",
    (berth, params, signal) => berth.POST("/sweeps/{name}/approve", { params, signal }),
  );
  verb("pause", "Pauses it on all workers.", "is paused", (berth, params, signal) =>
    berth.POST("/sweeps/{name}/pause", { params, signal }),
  );
  verb("resume", "Lets a paused one run again.", "runs again", (berth, params, signal) =>
    berth.POST("/sweeps/{name}/resume", { params, signal }),
  );
  examples(
    group,
    "berth sweeps",
    "berth sweeps run instance-state --dry-run",
    "berth sweeps pause idle-hibernation",
  );
};

function stateOf({ paused, silent, held, running, last_error: error, registered }: Sweep): string {
  if (paused) return "paused";
  if (silent) return "silent";
  if (held !== null) return "held";
  if (error !== null) return "failed";
  return running ? "running" : registered ? "ok" : "never ran";
}
