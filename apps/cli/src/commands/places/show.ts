import type { Place } from "@berth/client";
import type { Command } from "commander";
import { action } from "../../command.js";
import { printJson, type Surroundings } from "../../context.js";
import { details, table } from "../../output/table.js";
import { labelsText } from "../../parse.js";
import { relative } from "../../output/times.js";

export function show(group: Command, surroundings: Surroundings): void {
  group
    .command("list", { isDefault: true })
    .alias("ls")
    .description("Lists them, each with what it has and what is wrong.")
    .action(
      action(surroundings, async (context) => {
        const { berth, signal, json, paint, print } = context;
        const { data } = await berth.GET("/places", { signal });
        if (json) return printJson(context, data);
        const rows = data.map((one) => [
          one.name,
          one.backend,
          stateOf(one),
          `${one.held}${one.capacity === null ? "" : ` of ${one.capacity}`}`,
          String(one.running),
          String(one.obligations),
          String(one.workers.length),
          labelsText(one.labels) || "–",
          one.last_error ?? "–",
        ]);
        const titles = ["PLACE", "BACKEND", "STATE", "HELD", "RUN", "OWED", "WORKERS", "LABELS", "TROUBLE"];
        print(table(paint, titles, rows));
      }),
    );
  group
    .command("show")
    .alias("get")
    .argument("<place>", "its name")
    .description("Shows one, with the workers that are to serve it.")
    .action(
      action(surroundings, async (context, _options, name: string) => {
        const { berth, signal, json, paint, print, now } = context;
        const { data } = await berth.GET("/places/{name}", { params: { path: { name } }, signal });
        if (json) return printJson(context, data);
        print(
          details(paint, [
            ["name", data.name],
            ["backend", data.backend],
            ["state", stateOf(data)],
            ["identity", data.identity],
            ["confirmed by", data.confirmed_by],
            ["served", data.served_at === null ? null : relative(data.served_at, now)],
            ["labels", labelsText(data.labels) || null],
            ["weight", String(data.weight)],
            ["capacity", data.capacity === null ? null : String(data.capacity)],
            ["held", String(data.held)],
            ["running", String(data.running)],
            ["operations", String(data.waiting)],
            ["owed", String(data.obligations)],
            ["lost", data.lost === null ? null : `${data.lost.at} by ${data.lost.by}: ${data.lost.reason}`],
            ["trouble", data.last_error],
          ]),
        );
        if (data.workers.length === 0) return;
        const rows = data.workers.map((one) => [
          one.worker,
          one.state,
          relative(one.last_seen_at, now),
          one.identity ?? "–",
          one.problem ?? "–",
        ]);
        print(`\n${table(paint, ["WORKER", "STATE", "SEEN", "REACHES", "TROUBLE"], rows)}`);
      }),
    );
}

function stateOf({ served, cordoned, served_at: servedAt, lost, draining }: Place): string {
  if (lost !== null) return "lost";
  const reached = served ? "served" : servedAt === null ? "never reached" : "not served";
  return draining !== null ? `${reached}, draining` : cordoned ? `${reached}, cordoned` : reached;
}
