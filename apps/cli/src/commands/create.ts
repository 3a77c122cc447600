import { defined } from "../defined.js";
import { BACKENDS, type paths } from "@berth/client";
import { action, choice, examples, type Register, waits } from "../command.js";
import { printJson } from "../context.js";
import { duration, label, labelsOf, moment } from "../parse.js";
import { settle, type WaitOptions } from "../settle.js";
import { minutes, readSpec, type SpecOptions, specOptions } from "../spec.js";
import { findWorkspace } from "../workspaces.js";

type Body = paths["/workspaces"]["post"]["requestBody"]["content"]["application/json"];
interface Options extends SpecOptions, WaitOptions {
  place?: string;
  placeLabel?: string[];
  mayMove?: true;
  backend?: NonNullable<Body["backend"]>;
  label?: string[];
  parent?: string;
  ttl?: string;
  hibernateAfter?: number;
}

export const create: Register = (program, surroundings) => {
  const command = program
    .command("create")
    .argument("<name>", "what people call it")
    .argument("[command...]", "what it runs, after --")
    .summary("create a workspace")
    .description("Creates a workspace, and waits until it runs.")
    .addOption(choice("-b, --backend <backend>", "what runs it", BACKENDS))
    .option("--place <place>", "where: one of `berth places`; as a rule where its parent is")
    .option("--place-label <name:value>", "a label that its place must have; repeat it for several", label)
    .option("--may-move", "it may start elsewhere, with an empty volume, when its place is drained")
    .option("-l, --label <name:value>", "a label; repeat it for several", label)
    .option("--ttl <duration>", "it is deleted by itself after so long, or at this time")
    .option("--hibernate-after <duration>", "it hibernates after so long without tasks", duration)
    .option("--parent <workspace>", "the workspace that it belongs to");
  specOptions(command).action(
    action<Options>(surroundings, async (context, options, name: string, argv: string[]) => {
      const { berth, signal, now, json, print } = context;
      const { backend, place, placeLabel, mayMove, label: labels, parent, ttl, hibernateAfter } = options;
      const body: Body = {
        name,
        spec: await readSpec<NonNullable<Body["spec"]>>(context, options, argv, {}),
        ...defined({ backend, place, may_move: mayMove }),
        ...(placeLabel === undefined ? {} : { place_labels: labelsOf(placeLabel) }),
        ...(labels === undefined ? {} : { labels: labelsOf(labels) }),
        ...(parent === undefined ? {} : { parent_id: (await findWorkspace(context, parent)).id }),
        ...(ttl === undefined ? {} : { expires_at: moment(ttl, now) }),
        ...(hibernateAfter === undefined ? {} : { hibernate_after_minutes: minutes(hibernateAfter) }),
      };
      const { data: made } = await berth.POST("/workspaces", { body, signal });
      if (made.token !== undefined && !json) print(`Its agent's token, shown only now: ${made.token}`);
      const [operation] = await settle(context, name, [made.operation], options);
      const { data } = await berth.GET("/workspaces/{id}", { params: { path: { id: made.id } }, signal });
      const token = made.token === undefined ? {} : { token: made.token };
      if (json) return printJson(context, { ...data, operation, ...token });
      print(`${data.name} is ${data.status}: ${data.id}`);
    }),
  );
  waits(command);
  examples(
    command,
    'berth create echo --backend process -- sh -c "echo hello; exec sleep 3600"',
    "berth create web --image nginx:1.29 --label team:red --env TZ=UTC --ttl 8h",
    "berth create box --spec spec.json --no-wait --json",
  );
};
