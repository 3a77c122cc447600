import type { paths } from "@berth/client";
import { action, examples, type Register } from "../command.js";
import { type Context, printJson } from "../context.js";
import { repeat } from "../output/repeat.js";
import { table } from "../output/table.js";
import { relative } from "../output/times.js";

export type Now = paths["/now"]["get"]["responses"][200]["content"]["application/json"];
type Trouble = Now["troubles"][number];

/** The state of the whole in one look: what the console's first page has. */
export const status: Register = (program, surroundings) => {
  const command = program
    .command("status")
    .summary("what is wrong, and what to do about it")
    .description(
      "Shows what is wrong in the whole fleet, why, and what Berth does about it or what waits for a person; or that nothing is.",
    )
    .option("-w, --watch", "again every 2 seconds, until Ctrl-C")
    .action(
      action<{ watch?: true }>(surroundings, (context, { watch = false }) =>
        repeat(context, watch, async () => {
          const { data } = await context.berth.GET("/now", { signal: context.signal });
          if (context.json) printJson(context, data.troubles);
          else showTroubles(context, data);
        }),
      ),
    );
  examples(command, "berth status", "berth status --watch", "berth status --json | jq '.[].title'");
};

/** What waits for a person first. */
export function showTroubles({ paint, print }: Context, { troubles, at }: Now): void {
  if (troubles.length === 0) return print(paint("green", "All is well."));
  const now = Date.parse(at);
  const rows = troubles
    .toSorted((a, b) => Number(b.needs_person) - Number(a.needs_person))
    .map((one) => [one.title, relative(one.since, now), one.cause ?? "–", nextOf(one, now)]);
  print(table(paint, ["WHAT", "SINCE", "WHY", "NEXT"], rows));
}

/** The command for it where a person must act, else when Berth does. */
function nextOf(one: Trouble, now: number): string {
  if (one.needs_person) return commandFor(one) ?? one.remedy;
  return one.next_at === null ? one.remedy : `Berth tries again ${relative(one.next_at, now)}`;
}

function commandFor({ code, count, workspace, sweep, place }: Trouble): string | null {
  if (code === "failed" && workspace !== null)
    return count === 1 ? `berth why ${workspace.name}` : "berth ls --status failed";
  if (code === "sweep_held") return `berth sweeps approve ${sweep}`;
  if (code === "sweep_paused") return `berth sweeps resume ${sweep}`;
  if (code === "webhook_off" || code === "webhook_missed") return "berth webhooks";
  if (code === "place_wrong" || code === "place_unserved") return `berth places show ${place}`;
  return null;
}
