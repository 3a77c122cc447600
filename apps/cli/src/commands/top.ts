import type { Operation } from "@berth/client";
import { action, examples, type Register } from "../command.js";
import { type Context, printJson } from "../context.js";
import { repeat } from "../output/repeat.js";
import { table } from "../output/table.js";
import { span } from "../output/times.js";
import { count } from "../parse.js";
import { namesOf } from "../workspaces.js";
import { type Now, showTroubles } from "./status.js";

/** What is going on at this moment, as `top` has it of processes. */
export const top: Register = (program, surroundings) => {
  const command = program
    .command("top")
    .summary("what is going on, live")
    .description(
      "Shows the fleet by status, what is wrong, and the operations that run or wait, the longest first; again every 2 seconds " +
        "until Ctrl-C, or once where the output is no terminal.",
    )
    .option("-n, --limit <number>", "at most so many operations", count, 20)
    .option("--once", "only once")
    .action(
      action<{ limit: number; once?: true }>(surroundings, (context, { limit, once }) =>
        repeat(context, once === undefined && context.stdout.isTTY === true, () => look(context, limit)),
      ),
    );
  examples(command, "berth top", "berth top --limit 50", "berth top --once --json | jq .operations");
};

async function look(context: Context, limit: number): Promise<void> {
  const { berth, signal } = context;
  const query = { state: ["running" as const, "queued" as const], limit: 1_000 };
  const [{ data: now }, { data: found }] = await Promise.all([
    berth.GET("/now", { signal }),
    berth.GET("/operations", { params: { query }, signal }),
  ]);
  const operations = found.toSorted(byAge).slice(0, limit);
  if (context.json) return printJson(context, { ...now, operations });
  const nameOf = await namesOf(
    context,
    operations.map((one) => one.workspace_id),
  );
  const { print, paint } = context;
  print(headOf(now));
  showTroubles(context, now);
  if (operations.length === 0) return;
  const at = Date.parse(now.at);
  const rows = operations.map((one) => [
    nameOf(one.workspace_id),
    one.kind,
    one.state,
    one.phase ?? "–",
    `${one.attempt}/${one.max_attempts}`,
    span(at - Date.parse(one.started_at ?? one.created_at)),
    one.error?.message ?? "–",
    one.id,
  ]);
  print(`\n${table(paint, ["WORKSPACE", "KIND", "STATE", "STEP", "TRY", "FOR", "LAST ERROR", "ID"], rows)}`);
}

/** Running ones before waiting ones, the longest so first. */
function byAge(a: Operation, b: Operation): number {
  if (a.state !== b.state) return a.state === "running" ? -1 : 1;
  return (a.started_at ?? a.created_at) < (b.started_at ?? b.created_at) ? -1 : 1;
}

/** Two lines: the workspaces by status, and what is under way and has ended. */
function headOf({ deployment_id: id, at, workspaces, operations, ended_last_hour: ended }: Now): string {
  const by = (rows: readonly { n: number }[], word: (row: never) => string): string => {
    const sums = new Map<string, number>();
    for (const row of rows) sums.set(word(row as never), (sums.get(word(row as never)) ?? 0) + row.n);
    return [...sums].map(([name, n]) => `${n} ${name}`).join(", ") || "none";
  };
  const status = ({ status: one }: { status: string }): string => one;
  const state = ({ state: one }: { state: string }): string => one;
  return [
    `${id} at ${new Date(at).toLocaleTimeString()}. Workspaces: ${by(workspaces, status)}.`,
    `Operations: ${by(operations, state)}; in the last hour ${by(ended, state)}.\n`,
  ].join("\n");
}
