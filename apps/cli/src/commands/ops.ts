import { defined } from "../defined.js";
import { BerthError, OPERATION_KINDS, OPERATION_STATES, type Operation } from "@berth/client";
import type { Command } from "commander";
import { action, examples, type Register, waits } from "../command.js";
import { type Context, printJson, type Surroundings } from "../context.js";
import { details, table } from "../output/table.js";
import { relative, span } from "../output/times.js";
import { count, label, words } from "../parse.js";
import { settle, type WaitOptions } from "../settle.js";
import { oneOf } from "../words.js";
import { findWorkspace, namesOf } from "../workspaces.js";
import { bulk, showBulk } from "./bulk.js";

type Followed = Operation & {
  parts:
    ({ amiss: Operation[] } & Record<"unfinished" | "succeeded" | "failed" | "cancelled", number>) | null;
};

interface ListOptions {
  workspace?: string;
  state?: string[];
  kind?: string[];
  label?: string[];
  requestedBy?: string;
  limit: number;
}

/** Operations: what was asked for, and what became of it. */
export const ops: Register = (program, surroundings) => {
  const group = program
    .command("ops")
    .summary("operations: list, get, cancel, retry, bulk")
    .description("What was asked for, and what became of it.");
  list(group, surroundings);
  get(group, surroundings);
  cancel(group, surroundings);
  retry(group, surroundings);
  bulk(group, surroundings);
  examples(
    group,
    "berth ops --workspace echo",
    "berth ops --state failed --limit 50",
    "berth ops bulk pause --label team:red --dry-run",
  );
};

function list(group: Command, surroundings: Surroundings): void {
  group
    .command("list", { isDefault: true })
    .alias("ls")
    .description("Lists operations, the newest first.")
    .option("-w, --workspace <workspace>", "only of this one")
    .option("-s, --state <state...>", `only in one of these states: ${OPERATION_STATES.join(", ")}`, words)
    .option("-k, --kind <kind...>", `only of one of these kinds: ${OPERATION_KINDS.join(", ")}`, words)
    .option("-l, --label <name:value>", "only of workspaces with this label; repeat it for several", label)
    .option("--requested-by <name>", "only this caller's")
    .option("-n, --limit <number>", "at most so many", count, 20)
    .action(
      action<ListOptions>(surroundings, async (context, options) => {
        const found: Operation[] = [];
        for await (const one of await rowsOf(context, options)) {
          found.push(one);
          if (found.length === options.limit) break;
        }
        if (context.json) return printJson(context, found);
        if (found.length === 0) return context.tell("There are none.");
        const nameOf = await namesOf(
          context,
          found.map((one) => one.workspace_id),
        );
        const rows = found.map((one) => [
          nameOf(one.workspace_id),
          one.kind,
          one.state,
          `${one.attempt}/${one.max_attempts}`,
          took(one, context.now),
          one.requested_by,
          relative(one.created_at, context.now),
          one.id,
        ]);
        const titles = ["WORKSPACE", "KIND", "STATE", "TRIES", "TOOK", "BY", "ACCEPTED", "ID"];
        context.print(table(context.paint, titles, rows));
      }),
    );
}

async function rowsOf(context: Context, options: ListOptions): Promise<AsyncIterable<Operation>> {
  const { berth, signal } = context;
  const { workspace, state, kind, label: labels, requestedBy, limit } = options;
  const states = state === undefined ? undefined : oneOf("--state", OPERATION_STATES, state);
  const kinds = kind === undefined ? undefined : oneOf("--kind", OPERATION_KINDS, kind);
  if (workspace === undefined) {
    const query = {
      limit: Math.min(limit, 1_000),
      ...defined({ state: states, kind: kinds, label: labels, requested_by: requestedBy }),
    };
    return berth.rows("/operations", { params: { query }, signal });
  }
  const { id } = await findWorkspace(context, workspace, { removed: true });
  const all = berth.rows("/workspaces/{id}/operations", { params: { path: { id } }, signal });
  // The list of one workspace has no filters of its own.
  return (async function* () {
    for await (const one of all)
      if (
        (states?.includes(one.state) ?? true) &&
        (kinds?.includes(one.kind) ?? true) &&
        (requestedBy ?? one.requested_by) === one.requested_by
      )
        yield one;
  })();
}

function get(group: Command, surroundings: Surroundings): void {
  const command = group
    .command("get")
    .argument("<id>", "id of the operation, or of a bulk operation")
    .description("Shows an operation, or how far a bulk operation is.")
    .action(
      action(surroundings, async (context, _options, id: string) => {
        const { berth, signal } = context;
        const params = { path: { id } };
        try {
          await show(context, (await berth.GET("/operations/{id}", { params, signal })).data);
        } catch (error) {
          if (!(error instanceof BerthError) || error.code !== "operation_not_found") throw error;
          showBulk(context, (await berth.GET("/operations/bulk/{id}", { params, signal })).data);
        }
      }),
    );
  examples(command, "berth ops get 5f0c2a8e-91d4-4b7a-8c36-2e1d0f9b8a75");
}

function cancel(group: Command, surroundings: Surroundings): void {
  const command = group
    .command("cancel")
    .argument("<id>", "id of the operation")
    .description("Cancels an operation: one that waits at once, one that has begun at its next safe point.")
    .action(
      action<WaitOptions>(surroundings, async (context, { wait, timeout }, id: string) => {
        const { berth, signal, progress, print } = context;
        const params = { path: { id } };
        const { data: asked } = await berth.POST("/operations/{id}/cancel", { params, signal });
        progress.show(`${asked.kind} ${asked.state}, asked to stop`);
        const ended =
          wait && asked.finished_at === null
            ? await berth.waitForOperation(id, { timeoutMs: timeout, signal, roundS: 1 })
            : asked;
        if (context.json) printJson(context, ended);
        else if (ended.state === "cancelled" || ended.finished_at === null)
          print(`the ${ended.kind} is ${ended.state === "cancelled" ? "cancelled" : "asked to stop"}: ${id}`);
        else print(`the ${ended.kind} had ended before: it is ${ended.state}`);
      }),
    );
  waits(command);
  examples(command, "berth ops cancel 5f0c2a8e-91d4-4b7a-8c36-2e1d0f9b8a75");
}

function retry(group: Command, surroundings: Surroundings): void {
  const command = group
    .command("retry")
    .argument("<id>", "id of the operation")
    .description("Asks again for what a failed or cancelled operation was to do, and waits for the new one.")
    .action(
      action<WaitOptions>(surroundings, async (context, options, id: string) => {
        const { berth, signal } = context;
        const { data: again } = await berth.POST("/operations/{id}/retry", {
          params: { path: { id } },
          signal,
        });
        const nameOf = await namesOf(context, [again.workspace_id]);
        const name = nameOf(again.workspace_id);
        // Of a delete with nothing left to do, this is the one that was given.
        const [ended] = again.id === id ? [again] : await settle(context, name, [again], options);
        if (again.id === id && again.state === "failed" && !context.json)
          return context.print(`nothing is left to do of the ${again.kind} of ${name}`);
        if (context.json) return printJson(context, ended);
        context.print(`the ${ended!.kind} of ${name} is ${ended!.state}: ${ended!.id}`);
      }),
    );
  waits(command);
  examples(command, "berth ops retry 5f0c2a8e-91d4-4b7a-8c36-2e1d0f9b8a75");
}

async function show(context: Context, one: Followed): Promise<void> {
  const { json, print, paint, now } = context;
  if (json) return printJson(context, one);
  const nameOf = await namesOf(context, [one.workspace_id]);
  const at = (time: string | null): string | null =>
    time === null ? null : `${time} (${relative(time, now)})`;
  print(
    details(paint, [
      ["id", one.id],
      ["workspace", `${nameOf(one.workspace_id)} (${one.workspace_id})`],
      ["kind", one.kind],
      ["state", one.state],
      ["phase", one.phase],
      ["tries", `${one.attempt} of ${one.max_attempts}`],
      ["next try", at(one.next_attempt_at)],
      ["error", one.error === null ? null : `${one.error.code}: ${one.error.message}`],
      [
        "asked by",
        `${one.requested_by} (${one.source})${one.coalesced > 1 ? `, ${one.coalesced} times` : ""}`,
      ],
      ["retry of", one.retry_of],
      ["part of", one.part_of],
      ["trace", one.trace_id],
      ...partsOf(one),
      ["accepted", at(one.created_at)],
      ["started", at(one.started_at)],
      ["ended", at(one.finished_at)],
      ["took", one.finished_at === null ? null : took(one, now)],
    ]),
  );
}

/** Of a cascade, how the others are, and which of them went wrong. */
function partsOf({ parts }: Followed): [string, string][] {
  if (parts === null) return [];
  const { amiss, ...counts } = parts;
  const how = Object.entries(counts).flatMap(([state, n]) => (n === 0 ? [] : `${n} ${state}`));
  const line = (one: Operation): string =>
    `${one.id} ${one.state}: ${one.error?.message ?? "no reason is known"}`;
  return [["descendants'", how.join(", ")], ...amiss.map((one): [string, string] => ["amiss", line(one)])];
}

function took({ started_at: from, finished_at: to }: Operation, now: number): string {
  if (from === null) return "–";
  const ms = (to === null ? now : Date.parse(to)) - Date.parse(from);
  return ms < 10_000 ? `${(Math.max(0, ms) / 1_000).toFixed(1)}s` : span(ms);
}
