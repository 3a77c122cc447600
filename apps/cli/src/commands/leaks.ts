import type { Leak } from "@berth/client";
import { action, examples, type Register } from "../command.js";
import { printJson } from "../context.js";
import { table } from "../output/table.js";
import { relative } from "../output/times.js";

/** What is to go and isn't proven gone yet, and what nobody claims. */
export const leaks: Register = (program, surroundings) => {
  const group = program
    .command("leaks")
    .summary("what is to go and isn't gone: list, retry, release")
    .description("What is to go and isn't proven gone yet, and what no row of the ledger claims.");
  group
    .command("list", { isDefault: true })
    .alias("ls")
    .description("Lists them, those that are to go for longest first.")
    .option("-a, --all", "also what an operation is about to remove in its ordinary course")
    .action(
      action<{ all?: true }>(surroundings, async (context, { all }) => {
        const { berth, signal, json, paint, now, print, tell } = context;
        const found: Leak[] = [];
        let usual = 0;
        for await (const one of berth.rows("/leaks", { signal }))
          if (all === true || !one.under_way) found.push(one);
          else usual++;
        if (json) return printJson(context, found);
        if (usual > 0) tell(`${usual} more to be removed by operations that run or wait: berth leaks --all`);
        if (found.length === 0) return tell("Nothing is leaked.");
        const rows = found.map((one) => [
          one.kind,
          one.backend,
          one.provider_id ?? one.name,
          relative(one.since, now),
          String(one.attempts),
          relative(one.next_attempt_at, now),
          one.cost_per_hour === null ? "–" : one.cost_per_hour.toFixed(3),
          one.last_error === null ? one.why : `${one.why}: ${one.last_error.message}`,
          one.id,
        ]);
        const titles = ["KIND", "BACKEND", "WHAT", "SINCE", "TRIES", "NEXT", "COST/H", "WHY", "ID"];
        print(table(paint, titles, rows));
      }),
    );
  group
    .command("retry")
    .argument("<id>", "id of the leak")
    .description("Tries now to remove it.")
    .action(
      action(surroundings, async (context, _options, id: string) => {
        const { data } = await context.berth.POST("/leaks/{id}/retry", {
          params: { path: { id } },
          signal: context.signal,
        });
        if (context.json) return printJson(context, data);
        context.print(`${data.kind} ${data.provider_id ?? data.name} is due now`);
      }),
    );
  group
    .command("release")
    .argument("<id>", "id of the leak")
    .requiredOption("--reason <text>", "how it was handled; it is kept")
    .description("Says that it is handled: Berth takes no more care of it.")
    .action(
      action<{ reason: string }>(surroundings, async (context, { reason }, id: string) => {
        const { data } = await context.berth.POST("/leaks/{id}/release", {
          params: { path: { id } },
          body: { reason },
          signal: context.signal,
        });
        if (context.json) return printJson(context, data);
        context.print(`${data.kind} ${data.provider_id ?? data.name} is off the list`);
      }),
    );
  examples(group, "berth leaks", 'berth leaks release <id> --reason "ended by hand, ticket 4711"');
};
