import { defined } from "../defined.js";
import type { StructureEvent } from "@berth/client";
import { action, examples, type Register } from "../command.js";
import type { Context } from "../context.js";
import { plain } from "../output/table.js";
import { label, moment, words } from "../parse.js";
import { findWorkspace } from "../workspaces.js";

interface Options {
  follow?: true;
  since?: string;
  after?: string;
  workspace?: string;
  type?: string[];
  label?: string[];
}

const SINCE = "1h";

export const events: Register = (program, surroundings) => {
  const command = program
    .command("events")
    .summary("show or follow what happens")
    .description(
      `Shows what happened, in order: of the last ${SINCE} unless told otherwise. With --follow it goes on with what happens ` +
        "next, each event once, also over cut connections.",
    )
    .option("-f, --follow", "go on with what happens next; alone: from now on")
    .option("--since <duration>", "since so long ago, or since this time")
    .option("--after <id>", "after the event with this id; 0 for all")
    .option("-w, --workspace <workspace>", "only of this one")
    .option("--type <type...>", "only of these types, such as workspace.online", words)
    .option("-l, --label <name:value>", "only of workspaces with this label; repeat it for several", label)
    .action(
      action<Options>(
        surroundings,
        async (context, { follow = false, since, after, workspace, type, label: labels }) => {
          const { berth, signal, now } = context;
          const id =
            workspace === undefined
              ? undefined
              : (await findWorkspace(context, workspace, { removed: true })).id;
          const names = new Map<string, string>();
          let last = after === undefined ? undefined : Number(after);
          if (!follow || since !== undefined || after !== undefined) {
            const query = {
              ...(after === undefined
                ? { created_after: moment(since ?? SINCE, now, -1) }
                : { after: Number(after) }),
              ...defined({ type }),
              limit: 1_000,
            };
            const rows =
              id === undefined
                ? berth.rows("/events", {
                    params: { query: { ...query, ...defined({ label: labels }) } },
                    signal,
                  })
                : berth.rows("/events/{workspaceId}", {
                    params: { path: { workspaceId: id }, query },
                    signal,
                  });
            for await (const event of rows) {
              show(context, names, event);
              last = event.id;
            }
          }
          if (!follow) return;
          const wanted = {
            ...defined({ workspaceId: id, types: type, labels, after: last }),
            onGap: () => context.tell("(events that were missed are no longer kept)"),
            signal,
          };
          for await (const event of berth.events(wanted)) show(context, names, event);
        },
      ),
    );
  examples(
    command,
    "berth events --since 15m --workspace echo",
    "berth events -f --label team:red",
    "berth events -f --json --type workspace.failed | jq -r .workspace_id",
  );
};

/** One event a line, with the name of its workspace where an event has told it. */
function show({ json, stdout, paint }: Context, names: Map<string, string>, event: StructureEvent): void {
  if (json) return void stdout.write(`${JSON.stringify(event)}\n`);
  const { workspace_id: id, payload, event_type: type, created_at: at } = event;
  if (id !== null && typeof payload["name"] === "string") names.set(id, payload["name"]);
  const about = id === null ? "" : `  ${names.get(id) ?? id}`;
  const rest = Object.entries(payload)
    .filter(([name, value]) => name !== "name" && value !== null && typeof value !== "object")
    .map(([name, value]) => `${name}=${String(value)}`);
  stdout.write(plain(`${at}  ${type}${about}  `) + paint("dim", plain(rest.join(" "))) + "\n");
}
