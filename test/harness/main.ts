// npm run chaos -- --minutes 5 --seed 42[,43,…] [--clients 6] [--sentinel] [--hostile] [--report DIR]
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { figuresOf } from "./audit/figures.js";
import { seriesOf, type SeriesRun } from "./audit/series.js";
import { noRoot } from "./fleet/root.js";
import { runChaos } from "./run.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "3" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    clients: { type: "string", default: "6" },
    sentinel: { type: "boolean", default: false },
    hostile: { type: "boolean", default: false },
    report: { type: "string" },
  },
});
const [minutes, clients] = [values.minutes, values.clients].map(Number) as [number, number];
const seeds = values.seed.split(",").map(Number);
if (!(minutes > 0) || !seeds.every(Number.isInteger) || !Number.isInteger(clients) || clients < 1)
  throw new TypeError(
    "--minutes must be a number above 0, --clients a whole number, --seed one or more of them with commas between",
  );

// What a run has started is ended when this process exits, and not by a signal that it doesn't handle.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
const say = (line: string) => void process.stdout.write(`${line}\n`);
const directoryOf = (seed: number) =>
  values.report === undefined || seeds.length === 1
    ? (values.report ?? null)
    : join(values.report, String(seed));

const runs: SeriesRun[] = [];
for (const seed of seeds) {
  const { record, report, verdicts } = await runChaos({
    seed,
    faultsMs: minutes * 60_000,
    clients,
    sentinel: values.sentinel,
    hostile: values.hostile,
    withoutRoot: noRoot(),
    checkout: fileURLToPath(new URL("../..", import.meta.url)),
    command: `npm run chaos -- --minutes ${minutes} --seed ${seed} --clients ${clients}${values.sentinel ? " --sentinel" : ""}${values.hostile ? " --hostile" : ""}`,
    reportDirectory: directoryOf(seed),
    say,
  });
  say(report);
  runs.push({ seed, verdicts, figures: figuresOf(record) });
}
if (seeds.length > 1) {
  const series = seriesOf(runs);
  say(series);
  if (values.report !== undefined) await writeFile(join(values.report, "series.md"), `${series}\n`);
}
if (runs.some(({ verdicts }) => verdicts.some(({ violations }) => violations.length > 0)))
  process.exitCode = 1;
