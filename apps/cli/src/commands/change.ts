import { defined } from "../defined.js";
import { BerthError, type paths, type Workspace } from "@berth/client";
import { InvalidArgumentError } from "commander";
import { action, examples, type Register, workspaceArgument } from "../command.js";
import { type Context, printJson } from "../context.js";
import { CliError, EXIT } from "../exit.js";
import { duration, label, labelsOf, labelsText, moment, words } from "../parse.js";
import { readWorkspace } from "../workspaces.js";
import { minutes, readSpec, type SpecOptions, specOptions } from "../spec.js";

type Changes = paths["/workspaces/{id}"]["patch"]["requestBody"]["content"]["application/json"];

interface Options extends SpecOptions {
  name?: string;
  ttl?: string;
  hibernateAfter?: string;
  mayMove?: boolean;
  placeLabel?: string[];
}

export const set: Register = (program, surroundings) => {
  const command = program
    .command("set")
    .addArgument(workspaceArgument())
    .argument("[command...]", "what it runs from its next launch on, after --")
    .summary("change one")
    .description(
      "Changes a workspace. What is changed of its spec counts from its next launch: restart it then.",
    )
    .option("--name <name>", "what people call it")
    .option("--ttl <duration>", "it is deleted by itself after so long from now, or at this time; never")
    .option("--hibernate-after <duration>", "it hibernates after so long without tasks; never")
    .option(
      "--place-label <name:value>",
      "a label that any place it gets must have; repeat it for several",
      label,
    )
    .option("--may-move", "it may start elsewhere, with an empty volume, when its place is drained")
    .option("--no-may-move", "it stays where its volume is");
  command.option("--unset-env <names>", "variables of its environment to take away", words);
  specOptions(command).action(
    action<Options>(surroundings, async (context, options, given: string, argv: string[]) => {
      const { now, json, print } = context;
      const { name, ttl, hibernateAfter, mayMove, placeLabel } = options;
      const { workspace, changed } = await change(context, given, async (one) => {
        const spec = await readSpec<NonNullable<Changes["spec"]>>(context, options, argv, one.spec);
        const changes: Changes = {
          ...defined({ name, may_move: mayMove }),
          ...(placeLabel === undefined ? {} : { place_labels: labelsOf(placeLabel) }),
          ...(ttl === undefined ? {} : { expires_at: ttl === "never" ? null : moment(ttl, now) }),
          ...(hibernateAfter === undefined
            ? {}
            : {
                hibernate_after_minutes:
                  hibernateAfter === "never" ? null : minutes(duration(hibernateAfter)),
              }),
          ...(spec === one.spec ? {} : { spec }),
        };
        if (Object.keys(changes).length > 0) return changes;
        throw new CliError(EXIT.usage, "there is nothing to change", "see: berth set --help");
      });
      if (json) return printJson(context, workspace);
      const next = changed.spec === undefined ? "" : `; to apply its spec: berth restart ${workspace.name}`;
      print(`${workspace.name} is changed: ${Object.keys(changed).join(", ")}${next}`);
    }),
  );
  examples(
    command,
    "berth set echo --ttl 2h",
    "berth set echo --name echo-2 --hibernate-after 30m",
    "berth set echo --image debian:13",
    "berth set echo --may-move",
    "berth set echo --env TZ=UTC --env-from DB_PASSWORD=file:db-password --unset-env OLD",
  );
};

export const relabel: Register = (program, surroundings) => {
  const command = program
    .command("label")
    .addArgument(workspaceArgument())
    .argument("<labels...>", "name:value sets one, name- takes it away", collect)
    .summary("set and take away labels of one")
    .description("Sets and takes away labels of a workspace; its others stay.")
    .action(
      action(surroundings, async (context, _options, given: string, { set: wanted, drop }: LabelChanges) => {
        const { workspace } = await change(context, given, async ({ labels }) => ({
          labels: {
            ...Object.fromEntries(Object.entries(labels).filter(([name]) => !drop.includes(name))),
            ...labelsOf(wanted),
          },
        }));
        if (context.json) return printJson(context, workspace);
        context.print(`${workspace.name} has ${labelsText(workspace.labels) || "no labels"}`);
      }),
    );
  examples(command, "berth label echo team:blue tier:web", "berth label echo tier-");
};

interface LabelChanges {
  set: string[];
  drop: string[];
}

function collect(text: string, before: LabelChanges = { set: [], drop: [] }): LabelChanges {
  if (/^[^:=]+-$/.test(text)) return { ...before, drop: [...before.drop, text.slice(0, -1)] };
  if (!/[:=]/.test(text)) throw new InvalidArgumentError("Expected name:value, or name- to take it away.");
  return { ...before, set: label(text, before.set) };
}

const TRIES = 5;

/** Changes what is there: where somebody else was quicker, it is looked at again. */
async function change(
  context: Context,
  given: string,
  changesTo: (workspace: Workspace) => Promise<Changes>,
): Promise<{ workspace: Workspace; changed: Changes }> {
  const { berth, signal } = context;
  for (let tries = 1; ; tries++) {
    const seen = await readWorkspace(context, given);
    const params = { path: { id: seen.id }, header: { "if-match": `"${seen.version}"` } };
    const body = await changesTo(seen);
    try {
      return {
        workspace: (await berth.PATCH("/workspaces/{id}", { params, body, signal })).data,
        changed: body,
      };
    } catch (error) {
      if (!(error instanceof BerthError) || error.code !== "precondition_failed" || tries === TRIES)
        throw error;
    }
  }
}
