import { action, examples, type Register, workspaceArgument } from "../command.js";
import { printJson } from "../context.js";
import { details, table } from "../output/table.js";
import { relative } from "../output/times.js";
import { labelsText } from "../parse.js";
import { readWorkspace } from "../workspaces.js";

export const get: Register = (program, surroundings) => {
  const command = program
    .command("get")
    .addArgument(workspaceArgument())
    .summary("show one")
    .description("Shows a workspace as it is now.")
    .option("--resources", "and the ledger: what was made for it")
    .action(
      action<{ resources?: true }>(surroundings, async (context, { resources }, given: string) => {
        const { berth, signal, paint, print, now, json } = context;
        const one = await readWorkspace(context, given, { removed: true });
        const params = { path: { id: one.id } };
        const ledger =
          resources === undefined
            ? null
            : (await berth.GET("/workspaces/{id}/resources", { params, signal })).data;
        if (json) return printJson(context, ledger === null ? one : { ...one, resources: ledger });
        const at = (time: string | null): string | null =>
          time === null ? null : `${time} (${relative(time, now)})`;
        print(
          details(paint, [
            ["name", one.name],
            ["id", one.id],
            ["status", one.status],
            ["reason", one.status_reason],
            ["backend", one.backend],
            ["place", one.place],
            ["generation", String(one.generation)],
            ["instance", one.instance_id],
            ["url", one.url],
            ["parent", one.parent_id],
            ["labels", labelsText(one.labels) || null],
            ["spec", JSON.stringify(one.spec)],
            [
              "hibernates",
              one.hibernate_after_minutes === null
                ? null
                : `after ${one.hibernate_after_minutes} idle minutes`,
            ],
            ["expires", at(one.expires_at)],
            ["heartbeat", at(one.last_heartbeat_at)],
            ["launched", at(one.last_launched_at)],
            ["created", at(one.created_at)],
            ["removed", at(one.removed_at)],
          ]),
        );
        if (ledger === null) return;
        const rows = ledger.map((row) => [
          row.kind,
          row.state,
          String(row.generation ?? "–"),
          relative(row.gone_at ?? row.updated_at, now),
          row.provider_id ?? row.name,
        ]);
        print(`\n${table(paint, ["RESOURCE", "STATE", "GEN", "SINCE", "PROVIDER'S ID"], rows)}`);
      }),
    );
  examples(command, "berth get echo", "berth get echo --resources", "berth get echo --json | jq .status");
};
