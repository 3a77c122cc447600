import type { ListedWorkspace } from "@berth/client";
import { action, examples, type Register } from "../command.js";
import { type Context, printJson } from "../context.js";
import { repeat } from "../output/repeat.js";
import { cut, table } from "../output/table.js";
import { relative } from "../output/times.js";
import { count, labelsText, words } from "../parse.js";
import { oneOf } from "../words.js";
import { type FilterOptions, filterOf, filters } from "../workspace-filter.js";

const REASON_CHARACTERS = 48;

type Cell = (one: ListedWorkspace, now: number) => string | null;
/** What may be shown of each, by the names that `--columns` takes. */
const COLUMNS = {
  name: (one) => one.name,
  status: (one) => one.status,
  reason: (one) => one.status_reason,
  backend: (one) => one.backend,
  place: (one) => one.place,
  gen: (one) => String(one.generation),
  labels: (one) => labelsText(one.labels) || null,
  created: (one, now) => relative(one.created_at, now),
  changed: (one, now) => relative(one.updated_at, now),
  heartbeat: (one, now) => relative(one.last_heartbeat_at, now),
  instance: (one) => one.instance_id,
  parent: (one) => one.parent_id,
  url: (one) => one.url,
  id: (one) => one.id,
} as const satisfies Record<string, Cell>;
type Column = keyof typeof COLUMNS;
const NAMES = Object.keys(COLUMNS) as Column[];
const USUAL: readonly Column[] = ["name", "status", "reason", "place", "gen", "labels", "created", "id"];

interface Options extends FilterOptions {
  all?: true;
  columns?: string[];
  limit: number;
  watch?: true;
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
    .option("--columns <column...>", `only these, in this order: ${NAMES.join(", ")}`, words)
    .option("-w, --watch", "again every 2 seconds, until Ctrl-C")
    .action(
      action<Options>(surroundings, (context, options) =>
        repeat(context, options.watch === true, () => list(context, options)),
      ),
    );
  examples(
    command,
    "berth ls --label team:red --status online,degraded",
    "berth ls --columns name,status,url --watch",
    "berth ls -o name --status failed | xargs -n 1 berth restart",
    "berth ls --json | jq -r '.[].id'",
  );
};

async function list(
  context: Context,
  { all, limit, columns, watch: _watch, ...given }: Options,
): Promise<void> {
  const { berth, signal, paint, print, tell } = context;
  const now = Date.now();
  const query = {
    limit: Math.min(limit + 1, 1_000),
    ...(all === undefined ? {} : { include_removed: true }),
    ...(await filterOf(context, given, { removed: all === true })),
  };
  const found: ListedWorkspace[] = [];
  for await (const one of berth.rows("/workspaces", { params: { query }, signal })) {
    found.push(one);
    if (found.length > limit) break;
  }
  const shown = found.slice(0, limit);
  if (found.length > limit) tell(`There are more: --limit ${limit * 10} shows up to ${limit * 10}.`);
  if (context.json) return printJson(context, shown);
  if (shown.length === 0) return tell("There are none. Make one: berth create --help");
  const wide = context.form === "wide";
  const wanted =
    columns !== undefined
      ? oneOf("--columns", NAMES, columns)
      : wide
        ? NAMES
        : // A column of dashes would only make the lines longer.
          USUAL.filter((one) => one !== "reason" || shown.some((row) => row.status_reason !== null));
  const rows = shown.map((one) =>
    wanted.map((column) => {
      const text = COLUMNS[column](one, now) ?? "–";
      // The whole of it is what `-o wide` and `berth why` tell.
      return column === "reason" && !wide ? cut(text, REASON_CHARACTERS) : text;
    }),
  );
  const titles = wanted.map((one) => one.toUpperCase());
  print(table(paint, titles, rows));
}
