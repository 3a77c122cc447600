import type { paths } from "@berth/client";
import { type Command, InvalidArgumentError } from "commander";
import { action } from "../../command.js";
import { type Context, printJson, type Surroundings } from "../../context.js";
import { defined } from "../../defined.js";
import { CliError, EXIT } from "../../exit.js";
import { table } from "../../output/table.js";
import { count, label, labelsOf } from "../../parse.js";

type Settings = paths["/places/{name}"]["patch"]["requestBody"]["content"]["application/json"];

export function change(group: Command, surroundings: Surroundings): void {
  group
    .command("set")
    .argument("<place>", "its name")
    .option("--capacity <number>", "so many workspaces may hold something there; none: any number", capacity)
    .option("--weight <number>", "twice the weight gets twice as many", count)
    .option("-l, --label <name:value>", "a label; repeat it for several: these replace what was", label)
    .description("Changes what it takes. What is there stays.")
    .action(
      action<{ capacity?: number | "none"; weight?: number; label?: string[] }>(
        surroundings,
        async (context, { label: labels, capacity: most, weight }, name: string) => {
          const settings: Settings = {
            ...defined({ weight }),
            ...(most === undefined ? {} : { capacity: most === "none" ? null : most }),
            ...(labels === undefined ? {} : { labels: labelsOf(labels) }),
          };
          if (Object.keys(settings).length === 0)
            throw new CliError(EXIT.usage, "there is nothing to change", "see: berth places set --help");
          await patch(context, name, settings, `is changed: ${Object.keys(settings).join(", ")}`);
        },
      ),
    );
  for (const [verb, cordoned, description, done] of [
    ["cordon", true, "No more workspaces go there. Those that are there stay.", "takes no more workspaces"],
    ["uncordon", false, "It takes workspaces again.", "takes workspaces again"],
  ] as const)
    group
      .command(verb)
      .argument("<place>", "its name")
      .description(description)
      .action(
        action(surroundings, (context, _options, name: string) => patch(context, name, { cordoned }, done)),
      );
  group
    .command("drain")
    .argument("<place>", "its name")
    .description(
      "Takes what has no data there, or may move, elsewhere, and lists the rest. Again, it says how far that is; uncordon ends it.",
    )
    .action(
      action(surroundings, async (context, _options, name: string) => {
        const { berth, signal, json, print, paint } = context;
        const { data } = await berth.POST("/places/{name}/drain", { params: { path: { name } }, signal });
        if (json) return printJson(context, data);
        print(`${name} is drained: ${data.leaving} will leave, ${data.staying} stay`);
        if (data.first_staying.length === 0) return;
        const rows = data.first_staying.map((one) => [one.name, one.status, one.id]);
        print(table(paint, ["STAYS", "STATUS", "ID"], rows));
      }),
    );
  group
    .command("lost")
    .argument("<place>", "its name")
    .requiredOption("--reason <text>", "why; it is kept")
    .description(
      "Says that it is gone for good, which can't be taken back: what the ledger has there ends as lost, and its workspaces may " +
        "start elsewhere without their volume (berth restart --new-volume).",
    )
    .action(
      action<{ reason: string }>(surroundings, async (context, { reason }, name: string) => {
        const { data } = await context.berth.POST("/places/{name}/lost", {
          params: { path: { name } },
          body: { reason },
          signal: context.signal,
        });
        if (context.json) return printJson(context, data);
        context.print(`${data.name} is lost`);
      }),
    );
  group
    .command("confirm")
    .argument("<place>", "its name")
    .argument(
      "<identity>",
      'who answers there, as "berth places show" says; "unmarked": what has no identity yet',
    )
    .description("Says which one it is. From then on what it doesn't have is gone.")
    .action(
      action(surroundings, async (context, _options, name: string, identity: string) => {
        const { data } = await context.berth.POST("/places/{name}/confirm", {
          params: { path: { name } },
          body: { identity: identity === "unmarked" ? null : identity },
          signal: context.signal,
        });
        if (context.json) return printJson(context, data);
        context.print(`${data.name} is ${data.identity ?? "what a worker next meets there"}`);
      }),
    );
}

async function patch(context: Context, name: string, settings: Settings, done: string): Promise<void> {
  const { data } = await context.berth.PATCH("/places/{name}", {
    params: { path: { name } },
    body: settings,
    signal: context.signal,
  });
  if (context.json) return printJson(context, data);
  context.print(`${data.name} ${done}`);
}

/** Commander takes null for nothing. */
function capacity(text: string): number | "none" {
  if (text === "none") return text;
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 0 on, or "none".');
}
