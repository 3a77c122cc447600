import { action, examples, type Register, workspaceArgument } from "../command.js";
import { printJson } from "../context.js";
import { details } from "../output/table.js";
import { relative } from "../output/times.js";
import { findWorkspace } from "../workspaces.js";

export const why: Register = (program, surroundings) => {
  const command = program
    .command("why")
    .addArgument(workspaceArgument())
    .summary("why isn't one where it should be?")
    .description("Tells what a workspace is at, what that waits for, and what went wrong last.")
    .action(
      action(surroundings, async (context, _options, given: string) => {
        const { berth, signal, paint, print, now, json } = context;
        const { id } = await findWorkspace(context, given, { removed: true });
        const { data } = await berth.GET("/workspaces/{id}/why", { params: { path: { id } }, signal });
        if (json) return printJson(context, data);
        const { operation, last_error: error, obligations } = data;
        print(data.summary);
        const entries = [
          ["waits for", data.waits_for],
          ["operation", operation === null ? null : `${operation.kind} ${operation.state}, ${operation.id}`],
          ["next try", timeOf(data.next_attempt_at, now)],
          ...data.held.map((one) => ["held", `by ${one.sweep}: berth sweeps approve ${one.sweep}`]),
          ["last error", error === null ? null : `${error.code}: ${error.message}`],
          ...obligations.map((one) => [
            "still there",
            `${one.kind} ${one.provider_id ?? "(no id yet)"}, ${one.attempts} tries, next ${timeOf(one.next_attempt_at, now) ?? "at its sweep's next run"}`,
          ]),
        ] as [string, string | null][];
        if (entries.some(([, value]) => value !== null)) print(details(paint, entries));
      }),
    );
  examples(command, "berth why echo", "berth why echo --json | jq -r .waits_for");
};

function timeOf(time: string | null, now: number): string | null {
  return time === null ? null : relative(time, now);
}
