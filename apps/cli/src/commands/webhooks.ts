import type { Webhook, WebhookDelivery } from "@berth/client";
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { action, examples, type Register } from "../command.js";
import { printJson, type Context } from "../context.js";
import { CliError, EXIT } from "../exit.js";
import { details, table } from "../output/table.js";
import { relative } from "../output/times.js";
import { label, labelsOf, words } from "../parse.js";
import { findWorkspace } from "../workspaces.js";

interface Terms {
  type?: string[];
  label?: string[];
  workspace?: string;
  description?: string;
}

/** How often it is looked whether a ping was answered, and for how long at most, in ms. */
const POLL_MS = 250;
const PING_WAIT_MS = 30_000;
const GIVEN = ["<webhook>", "its id, the beginning of it, or its URL"] as const;

/** Who is told of events by HTTP. */
export const webhooks: Register = (program, surroundings) => {
  const group = program
    .command("webhooks")
    .summary("who is told of events by HTTP: list, create, ping, dead letters")
    .description(
      "Who is told of events by HTTP, and what became of telling them. Changes need a key of scope admin.",
    );
  group
    .command("list", { isDefault: true })
    .alias("ls")
    .description("Lists them, with how many deliveries wait or were given up.")
    .action(
      action(surroundings, async (context) => {
        const found = await allOf(context);
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
        const one = await find(context, given);
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
  terms(
    group
      .command("create")
      .argument("<url>", "where each event is sent by POST")
      .description("Makes one and prints its secret: it can't be read again."),
  ).action(
    action<Terms>(surroundings, async (context, options, url: string) => {
      const { berth, signal, json, print, tell } = context;
      const { data } = await berth.POST("/webhooks", {
        body: { url, ...(await termsOf(context, options)) },
        signal,
      });
      if (json) return printJson(context, data);
      tell(`${data.id} is told from now on. Its secret, which can't be shown again:`);
      print(data.secret);
    }),
  );
  terms(
    group
      .command("set")
      .argument(...GIVEN)
      .option("--url <url>", "where each event is sent")
      .description("Changes one: what is given replaces what was."),
  ).action(
    action<Terms & { url?: string }>(surroundings, async (context, { url, ...options }, given: string) => {
      const body = { ...(url === undefined ? {} : { url }), ...(await termsOf(context, options)) };
      if (Object.keys(body).length === 0)
        throw new CliError(EXIT.usage, "nothing is to be changed", "see: berth webhooks set --help");
      await change(context, given, body, "is changed");
    }),
  );
  for (const enabled of [true, false]) {
    const verb = enabled ? "enable" : "disable";
    group
      .command(verb)
      .argument(...GIVEN)
      .description(
        enabled ? "Sends what waited, and what comes." : "Sends nothing; what comes is never told.",
      )
      .action(
        action(surroundings, (context, _options, given: string) =>
          change(context, given, { enabled }, `is ${verb}d`),
        ),
      );
  }
  group
    .command("secret")
    .argument(...GIVEN)
    .description("Gives it a new secret and prints it; the one before still signs for a day.")
    .action(
      action(surroundings, async (context, _options, given: string) => {
        const { berth, signal, json, print, tell } = context;
        const { id } = await find(context, given);
        const { data } = await berth.POST("/webhooks/{id}/secret", {
          params: { path: { id } },
          body: {},
          signal,
        });
        if (json) return printJson(context, data);
        tell("Its new secret, which can't be shown again:");
        print(data.secret);
      }),
    );
  group
    .command("ping")
    .argument(...GIVEN)
    .description("Sends it something, and tells what it said.")
    .action(
      action(surroundings, async (context, _options, given: string) => {
        const { berth, signal, json, print } = context;
        const { id } = await find(context, given);
        const { data: sent } = await berth.POST("/webhooks/{id}/ping", {
          params: { path: { id } },
          body: {},
          signal,
        });
        const delivery = await ended(context, sent);
        if (json) printJson(context, delivery);
        else if (delivery.state === "delivered") print(`it answered ${delivery.last_status}`);
        if (delivery.state !== "delivered")
          throw new CliError(
            EXIT.failed,
            delivery.last_error ?? "it was not sent",
            `see: berth webhooks get ${given}`,
          );
      }),
    );
  group
    .command("deliveries")
    .argument(...GIVEN)
    .option("--dead", "only those that were given up")
    .description("Lists what was sent to it, the newest first.")
    .action(
      action<{ dead?: true }>(surroundings, async (context, { dead }, given: string) => {
        const { berth, signal, json, print, tell } = context;
        const { id } = await find(context, given);
        const query = dead === true ? { state: ["dead" as const] } : {};
        const found: WebhookDelivery[] = [];
        const rows = berth.rows("/webhooks/{id}/deliveries", { params: { path: { id }, query }, signal });
        for await (const one of rows) found.push(one);
        if (json) return printJson(context, found);
        if (found.length === 0) return tell("There are none.");
        print(deliveriesTable(context, found));
      }),
    );
  group
    .command("retry")
    .argument(...GIVEN)
    .argument("[delivery]", "the id of one delivery; else all dead letters")
    .description("Sends again what was given up, or one delivery whatever became of it.")
    .action(
      action(surroundings, async (context, _options, given: string, deliveryId?: string) => {
        const { berth, signal, json, print } = context;
        const { id } = await find(context, given);
        if (deliveryId === undefined) {
          const { data } = await berth.POST("/webhooks/{id}/retry", {
            params: { path: { id } },
            body: {},
            signal,
          });
          if (json) return printJson(context, data);
          return print(`${data.retried} will be sent again`);
        }
        const { data } = await berth.POST("/webhooks/{id}/deliveries/{deliveryId}/retry", {
          params: { path: { id, deliveryId } },
          body: {},
          signal,
        });
        if (json) return printJson(context, data);
        print(`${data.id} will be sent again`);
      }),
    );
  group
    .command("rm")
    .argument(...GIVEN)
    .description("Removes one, with what waits for it.")
    .action(
      action(surroundings, async (context, _options, given: string) => {
        const { berth, signal, json, print } = context;
        const { id } = await find(context, given);
        const { data } = await berth.DELETE("/webhooks/{id}", { params: { path: { id } }, signal });
        if (json) return printJson(context, data);
        print(`${data.url} is told nothing more`);
      }),
    );
  examples(
    group,
    "berth webhooks create https://example.com/berth --type workspace.online,workspace.failed",
    "berth webhooks ping https://example.com/berth",
    "berth webhooks deliveries 5f0c2a7e --dead",
    "berth webhooks retry 5f0c2a7e",
  );
};

function terms(command: Command): Command {
  return command
    .option("--type <type...>", "only events of these types, such as workspace.online", words)
    .option("-l, --label <name:value>", "only of workspaces with this label; repeat it for several", label)
    .option("-w, --workspace <workspace>", "only of this one")
    .option("--description <text>", "what it is for");
}

async function termsOf(context: Context, { type, label: labels, workspace, description }: Terms) {
  return {
    ...(type === undefined ? {} : { types: type }),
    ...(labels === undefined ? {} : { labels: labelsOf(labels) }),
    ...(workspace === undefined ? {} : { workspace_id: (await findWorkspace(context, workspace)).id }),
    ...(description === undefined ? {} : { description }),
  };
}

async function change(context: Context, given: string, body: object, done: string): Promise<void> {
  const { id } = await find(context, given);
  const { data } = await context.berth.PATCH("/webhooks/{id}", {
    params: { path: { id } },
    body,
    signal: context.signal,
  });
  if (context.json) return printJson(context, data);
  context.print(`${data.url} ${done}`);
}

async function allOf({ berth, signal }: Context): Promise<Webhook[]> {
  const found: Webhook[] = [];
  for await (const one of berth.rows("/webhooks", { signal })) found.push(one);
  return found;
}

/** @throws CliError if there is none, or more than one is meant. */
async function find(context: Context, given: string): Promise<Webhook> {
  const meant = (await allOf(context)).filter(
    ({ id, url }) => id.startsWith(given.toLowerCase()) || url === given,
  );
  if (meant.length === 1) return meant[0]!;
  if (meant.length === 0)
    throw new CliError(EXIT.notFound, `there is no webhook ${given}`, "see: berth webhooks");
  throw new CliError(
    EXIT.usage,
    `${meant.length} webhooks are ${given}`,
    `use an id: ${meant.map(({ id }) => id).join(", ")}`,
  );
}

/** Waits until it was sent: a ping is sent once, within a few seconds. */
async function ended(context: Context, delivery: WebhookDelivery): Promise<WebhookDelivery> {
  const { berth, signal } = context;
  const until = Date.now() + PING_WAIT_MS;
  let now = delivery;
  while (now.state === "pending" && Date.now() < until) {
    await delay(POLL_MS, undefined, { signal });
    const path = { id: delivery.webhook_id, deliveryId: delivery.id };
    now = (await berth.GET("/webhooks/{id}/deliveries/{deliveryId}", { params: { path }, signal })).data;
  }
  return now;
}

function deliveriesTable({ paint, now }: Context, found: readonly WebhookDelivery[]): string {
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
