import { defined } from "../defined.js";
import { BULK_KINDS, type BulkOperation, type paths } from "@berth/client";
import { Argument, type Command } from "commander";
import { setTimeout as delay } from "node:timers/promises";
import { action, examples, waits } from "../command.js";
import { type Context, printJson, type Surroundings } from "../context.js";
import { CliError, EXIT } from "../exit.js";
import { table } from "../output/table.js";
import { span } from "../output/times.js";
import type { WaitOptions } from "../settle.js";
import { type FilterOptions, filterOf, filters } from "../workspace-filter.js";
import { findWorkspace, namesOf } from "../workspaces.js";

type Body = paths["/operations/bulk"]["post"]["requestBody"]["content"]["application/json"];

interface Options extends WaitOptions, FilterOptions {
  dryRun?: true;
  cascade?: true;
  force?: true;
}

const LOOK_EVERY_MS = 500;
/** So many refusals are told one by one. */
const TOLD = 20;

/** One request for many workspaces. */
export function bulk(group: Command, surroundings: Surroundings): void {
  const command = group
    .command("bulk")
    .addArgument(new Argument("<kind>", "what to do").choices(BULK_KINDS))
    .argument("[workspaces...]", "for which, by name or id; or give filters")
    .description(
      "Asks for an operation on many workspaces: on those named, or on all that pass the filters now.",
    );
  filters(command)
    .option("--dry-run", "only tell what would become of it, and change nothing")
    .option("--cascade", "with delete: their descendants too")
    .option("--force", "with hibernate: even if agents have active tasks")
    .action(
      action<Options>(surroundings, async (context, options, kind: Body["kind"], given: string[]) => {
        const { berth, signal, json, print } = context;
        const { cascade, force, dryRun } = options;
        const body: Body = {
          kind,
          ...(await whichOf(context, options, given)),
          ...defined({ cascade, force }),
        };
        const params = { query: defined({ dry_run: dryRun }) };
        const { data } = await berth.POST("/operations/bulk", { params, body, signal });
        if ("dry_run" in data) {
          if (json) return printJson(context, data);
          print(`${kind} would be accepted for ${data.would_accept} of ${data.total}`);
          return refusals(context, data.refused);
        }
        const ended = options.wait ? await untilFinished(context, data, options.timeout) : data;
        showBulk(context, ended);
        if (options.wait) await judge(context, ended);
      }),
    );
  waits(command);
  examples(
    command,
    "berth ops bulk pause --label team:red --status online --dry-run",
    "berth ops bulk restart web-1 web-2 web-3",
    "berth ops bulk delete --label stage:test --cascade --timeout 30m",
  );
}

async function whichOf(
  context: Context,
  options: FilterOptions,
  given: readonly string[],
): Promise<Pick<Body, "workspace_ids" | "filter">> {
  const filter = await filterOf(context, options);
  const filtered = Object.keys(filter).length > 0;
  if (filtered === given.length > 0)
    throw new CliError(
      EXIT.usage,
      filtered ? "give workspaces or filters, not both" : "for which workspaces?",
      "name them, or give a filter such as --label team:red",
    );
  if (filtered) return { filter };
  return {
    workspace_ids: await Promise.all(given.map(async (one) => (await findWorkspace(context, one)).id)),
  };
}

async function untilFinished(
  context: Context,
  begun: BulkOperation,
  timeout: number,
): Promise<BulkOperation> {
  const { berth, signal, progress } = context;
  const deadline = performance.now() + timeout;
  for (let seen = begun; ;) {
    if (seen.state === "finished") return seen;
    progress.show(`${seen.kind} of ${seen.total}: ${countsOf(seen)}`);
    const where = `it goes on: berth ops get ${seen.id}`;
    if (performance.now() > deadline)
      throw new CliError(EXIT.timedOut, `the bulk ${seen.kind} hasn't ended within ${span(timeout)}`, where);
    await delay(LOOK_EVERY_MS);
    if (signal.aborted)
      throw new CliError(EXIT.interrupted, `the bulk ${seen.kind} isn't waited for any more`, where);
    seen = (await berth.GET("/operations/bulk/{id}", { params: { path: { id: seen.id } }, signal })).data;
  }
}

/** How far it is, in a line. */
export function showBulk(context: Context, seen: BulkOperation): void {
  if (context.json) printJson(context, seen);
  else context.print(`${seen.kind} of ${seen.total}: ${countsOf(seen)}: ${seen.id}`);
}

function countsOf({ counts }: BulkOperation): string {
  const told = Object.entries(counts).filter(([, n]) => n > 0);
  return told.length === 0 ? "nothing to do" : told.map(([state, n]) => `${n} ${state}`).join(", ");
}

/** @throws CliError if something failed or was refused */
async function judge(context: Context, { id, counts, kind }: BulkOperation): Promise<void> {
  const { berth, signal, json } = context;
  const { refused, failed, cancelled } = counts;
  if (refused > 0 && !json) {
    const params = { path: { id }, query: { state: ["refused" as const], limit: TOLD } };
    const { data: items } = await berth.GET("/operations/bulk/{id}/items", { params, signal });
    await refusals(
      context,
      items.flatMap(({ workspace_id, error }) => (error === null ? [] : [{ workspace_id, ...error }])),
    );
  }
  if (failed + cancelled > 0)
    throw new CliError(
      EXIT.failed,
      `${failed + cancelled} of the ${kind}s failed`,
      "see: berth ops --state failed",
    );
  if (refused > 0) throw new CliError(EXIT.refused, `${refused} of the ${kind}s were refused`);
}

async function refusals(
  context: Context,
  refused: readonly { workspace_id: string; code: string; message: string }[],
): Promise<void> {
  if (refused.length === 0) return;
  const told = refused.slice(0, TOLD);
  const nameOf = await namesOf(
    context,
    told.map((one) => one.workspace_id),
  );
  const rows = told.map((one) => [nameOf(one.workspace_id), one.code, one.message]);
  context.print(table(context.paint, ["REFUSED", "CODE", "WHY"], rows));
  if (refused.length > TOLD) context.tell(`… and ${refused.length - TOLD} more`);
}
