import type { Webhook, WebhookDelivery } from "@berth/client";
import type { Command } from "commander";
import { action } from "../../command.js";
import { printJson, type Context, type Surroundings } from "../../context.js";
import { details, table } from "../../output/table.js";
import { relative } from "../../output/times.js";
import { allWebhooks, findWebhook, GIVEN } from "./find.js";

/** Lists them, and shows one. */
export function showing(group: Command, surroundings: Surroundings): void {
  group
    .command("list", { isDefault: true })
    .alias("ls")
    .description("Lists them, with how many deliveries wait or were given up.")
    .action(
      action(surroundings, async (context) => {
        const found = await allWebhooks(context);
        if (context.json) return printJson(context, found);
        if (found.length === 0)
          return context.tell("There are none. Make one: berth webhooks create https://example.com/berth");
        const rows = found.map((one) => [
          one.id.slice(0, 8),
          stateOf(one),
          String(one.pending),
          String(one.dead),
          one.types?.join(",") ?? "all",
          one.url,
        ]);
        context.print(table(context.paint, ["ID", "STATE", "WAIT", "DEAD", "TYPES", "URL"], rows));
      }),
    );
  group
    .command("get")
    .argument(...GIVEN)
    .description("Shows one, with its last dead letters.")
    .action(
      action(surroundings, async (context, _options, given: string) => {
        const { berth, signal, json, print, paint, now } = context;
        const one = await findWebhook(context, given);
        if (json) return printJson(context, one);
        const { data: dead } = await berth.GET("/webhooks/{id}/deliveries", {
          params: { path: { id: one.id }, query: { state: ["dead"], limit: 5 } },
          signal,
        });
        print(
          details(paint, [
            ["id", one.id],
            ["url", one.url],
            ["description", one.description || null],
            ["state", one.enabled ? stateOf(one) : `disabled: ${one.disabled_reason}`],
            ["types", one.types?.join(", ") ?? "all"],
            ["workspace", one.workspace_id],
            ["labels", labelsText(one) || null],
            ["waiting", String(one.pending)],
            ["dead", String(one.dead)],
            ["next try", one.next_attempt_at === null ? null : relative(one.next_attempt_at, now)],
            ["changed", relative(one.updated_at, now)],
          ]),
        );
        if (dead.length > 0) print(`\n${deliveriesTable(context, dead)}`);
      }),
    );
}

export function deliveriesTable({ paint, now }: Context, found: readonly WebhookDelivery[]): string {
  const rows = found.map((one) => [
    one.id.slice(0, 8),
    one.event_type,
    one.state,
    String(one.attempts),
    relative(one.last_attempt_at, now),
    one.last_error ?? (one.last_status === null ? "" : String(one.last_status)),
  ]);
  return table(paint, ["ID", "EVENT", "STATE", "TRIES", "SENT", "ANSWER"], rows);
}

function stateOf({ enabled, failing }: Webhook): string {
  if (!enabled) return "disabled";
  return failing > 0 ? "failing" : "enabled";
}

function labelsText({ labels }: Webhook): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}:${value}`)
    .join(", ");
}
