import type { Workspace } from "@berth/client";
import { action, examples, type Register } from "../command.js";
import { printJson } from "../context.js";
import { table } from "../output/table.js";
import { relative } from "../output/times.js";
import { count, labelsText } from "../parse.js";
import { type FilterOptions, filterOf, filters } from "../workspace-filter.js";

const REASON_CHARACTERS = 48;

interface Options extends FilterOptions {
  all?: true;
  limit: number;
}

export const ls: Register = (program, surroundings) => {
  const command = program
    .command("ls")
    .alias("list")
    .summary("list workspaces")
    .description("Lists workspaces, the oldest first. All filters that are given must hold.")
    .option("-a, --all", "removed ones too");
  filters(command)
    .option("-n, --limit <number>", "at most so many", count, 100)
    .action(
      action<Options>(surroundings, async (context, { all, limit, ...given }) => {
        const { berth, signal, paint, print, tell, now } = context;
        const query = {
          limit: Math.min(limit + 1, 1_000),
          ...(all === undefined ? {} : { include_removed: true }),
          ...(await filterOf(context, given, { removed: all === true })),
        };
        const found: Workspace[] = [];
        for await (const one of berth.rows("/workspaces", { params: { query }, signal })) {
          found.push(one);
          if (found.length > limit) break;
        }
        const shown = found.slice(0, limit);
        if (found.length > limit) tell(`There are more: --limit ${limit * 10} shows up to ${limit * 10}.`);
        if (context.json) return printJson(context, shown);
        if (shown.length === 0) return tell("There are none. Make one: berth create --help");
        // A column of dashes would only make the lines longer.
        const reasons = shown.some((one) => one.status_reason !== null);
        const rows = shown.map((one) => [
          one.name,
          one.status,
          ...(reasons ? [cut(one.status_reason ?? "–")] : []),
          one.place,
          String(one.generation),
          labelsText(one.labels) || "–",
          relative(one.created_at, now),
          one.id,
        ]);
        const reason = reasons ? ["REASON"] : [];
        print(table(paint, ["NAME", "STATUS", ...reason, "PLACE", "GEN", "LABELS", "CREATED", "ID"], rows));
      }),
    );
  examples(command, "berth ls --label team:red --status online,degraded", "berth ls --json | jq -r '.[].id'");
};

/** The whole of it is what `berth why` tells. */
function cut(reason: string): string {
  return reason.length > REASON_CHARACTERS ? `${reason.slice(0, REASON_CHARACTERS - 1)}…` : reason;
}
