import { defined } from "../../defined.js";
import type { Command } from "commander";
import { action } from "../../command.js";
import { printJson, type Context, type Surroundings } from "../../context.js";
import { CliError, EXIT } from "../../exit.js";
import { label, labelsOf, words } from "../../parse.js";
import { findWorkspace } from "../../workspaces.js";
import { findWebhook, GIVEN } from "./find.js";

interface Terms {
  type?: string[];
  label?: string[];
  workspace?: string;
  description?: string;
}

/** Makes, changes and removes them. */
export function changing(group: Command, surroundings: Surroundings): void {
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
      const body = { ...defined({ url }), ...(await termsOf(context, options)) };
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
        const { id } = await findWebhook(context, given);
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
    .command("rm")
    .argument(...GIVEN)
    .description("Removes one, with what waits for it.")
    .action(
      action(surroundings, async (context, _options, given: string) => {
        const { berth, signal, json, print } = context;
        const { id } = await findWebhook(context, given);
        const { data } = await berth.DELETE("/webhooks/{id}", { params: { path: { id } }, signal });
        if (json) return printJson(context, data);
        print(`${data.url} is told nothing more`);
      }),
    );
}

function terms(command: Command): Command {
  return command
    .option("--type <type...>", "only events of these types, such as workspace.online", words)
    .option("-l, --label <name:value>", "only of workspaces with this label; repeat it for several", label)
    .option("-w, --workspace <workspace>", "only of this one")
    .option("--description <text>", "what it is for");
}

async function termsOf(context: Context, { type, label: labels, workspace, description }: Terms) {
  return {
    ...defined({ types: type }),
    ...(labels === undefined ? {} : { labels: labelsOf(labels) }),
    ...(workspace === undefined ? {} : { workspace_id: (await findWorkspace(context, workspace)).id }),
    ...defined({ description }),
  };
}

async function change(context: Context, given: string, body: object, done: string): Promise<void> {
  const { id } = await findWebhook(context, given);
  const { data } = await context.berth.PATCH("/webhooks/{id}", {
    params: { path: { id } },
    body,
    signal: context.signal,
  });
  if (context.json) return printJson(context, data);
  context.print(`${data.url} ${done}`);
}
