import type { Quota } from "@berth/client";
import { InvalidArgumentError } from "commander";
import { action, examples, type Register } from "../command.js";
import { printJson } from "../context.js";
import { details, table } from "../output/table.js";
import { relative } from "../output/times.js";

const SIZES = [
  { name: "memory (MiB)", limit: "max_memory_mb", use: "memory_mb" },
  { name: "cpus", limit: "max_cpus", use: "cpus" },
  { name: "volumes (GiB)", limit: "max_volume_gb", use: "volume_gb" },
  { name: "waiting", limit: "max_waiting", use: "waiting" },
] as const;

interface Limits {
  memoryMb?: number;
  cpus?: number;
  volumeGb?: number;
  waiting?: number;
}

function number(text: string): number {
  if (/^\d{1,9}(\.\d{1,3})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a number from 0 on.");
}

/** How many workspaces of a label may run, and what they may take. */
export const quotas: Register = (program, surroundings) => {
  const group = program
    .command("quotas")
    .summary("how many of a label may run: list, get, set, rm")
    .description("How many workspaces of a label may run.");
  group
    .command("list", { isDefault: true })
    .alias("ls")
    .description("Lists them, each with what of it is used.")
    .action(
      action(surroundings, async (context) => {
        const { berth, signal, json, paint, print, tell, now } = context;
        const found: Quota[] = [];
        for await (const one of berth.rows("/quotas", { signal })) found.push(one);
        if (json) return printJson(context, found);
        if (found.length === 0) return tell("There are none. Set one: berth quotas set team:red 5");
        const rows = found.map((one) => [
          one.label,
          String(one.running),
          String(one.max_running),
          one.updated_by,
          relative(one.updated_at, now),
        ]);
        print(table(paint, ["LABEL", "RUNNING", "MOST", "BY", "CHANGED"], rows));
      }),
    );
  group
    .command("get")
    .argument("<label>", "name:value, or name:* for each value")
    .description("Shows one, with the labels that have most.")
    .action(
      action(surroundings, async (context, _options, label: string) => {
        const { data } = await context.berth.GET("/quotas/{label}", {
          params: { path: { label } },
          signal: context.signal,
        });
        if (context.json) return printJson(context, data);
        context.print(
          details(context.paint, [
            ["label", data.label],
            ["running", `${data.running} of ${data.max_running}`],
            ...SIZES.map(
              ({ name, limit, use }) =>
                [name, data[limit] === null ? null : `${data.use?.[use] ?? "?"} of ${data[limit]}`] as [
                  string,
                  string | null,
                ],
            ),
            ["fullest", data.fullest.map((one) => `${one.label} ${one.running}`).join(", ") || null],
            ["changed", `${relative(data.updated_at, context.now)} by ${data.updated_by}`],
          ]),
        );
      }),
    );
  group
    .command("set")
    .argument("<label>", "name:value, or name:* for each value")
    .argument("<most>", "so many may run", (text) => {
      if (/^\d{1,7}$/.test(text)) return Number(text);
      throw new InvalidArgumentError("Expected a whole number from 0 on.");
    })
    .option("--memory-mb <n>", "MiB that those that run may have together", number)
    .option("--cpus <n>", "CPUs that they may have", number)
    .option("--volume-gb <n>", "GiB of volumes on ec2", number)
    .option("--waiting <n>", "operations that may wait for a worker", number)
    .description("Sets how many may run. What runs goes on, also above it: only more is refused.")
    .action(
      action(surroundings, async (context, options: Limits, label: string, max_running: number) => {
        const { data } = await context.berth.PUT("/quotas/{label}", {
          params: { path: { label } },
          body: {
            max_running,
            max_memory_mb: options.memoryMb ?? null,
            max_cpus: options.cpus ?? null,
            max_volume_gb: options.volumeGb ?? null,
            max_waiting: options.waiting ?? null,
          },
          signal: context.signal,
        });
        if (context.json) return printJson(context, data);
        context.print(`of ${data.label} ${data.max_running} may run; ${data.running} do`);
      }),
    );
  group
    .command("rm")
    .argument("<label>", "name:value, or name:*")
    .description("Removes one.")
    .action(
      action(surroundings, async (context, _options, label: string) => {
        const { data } = await context.berth.DELETE("/quotas/{label}", {
          params: { path: { label } },
          signal: context.signal,
        });
        if (context.json) return printJson(context, data);
        context.print(`the quota of ${data.label} is gone`);
      }),
    );
  examples(group, "berth quotas set team:red 5", 'berth quotas set "team:*" 2', "berth quotas");
};
