/**
 * Berth beside what a user would take instead, and beside itself: `npm run bench [-- NAME …] [--rounds 5] [--minutes 25]`. Writes
 * docs/benchmarks and the table in README.md. `--scale 0.1`, a tenth of the work, and `--no-write` show only; `--pages` makes the pages of what is kept.
 * `-- fairness`, `-- memory` and `-- console` are programs of their own, which print what they see; their arguments are in their files.
 */
import { parseArgs } from "node:util";
import { CASES } from "./all.js";
import { openBed } from "./frame/bed.js";
import { keep, kept, writePages } from "./frame/report.js";
import { judge } from "./frame/rows.js";
import { runCase } from "./frame/run.js";

const PROGRAMS: Readonly<Record<string, () => Promise<unknown>>> = {
  fairness: () => import("./fairness.js"),
  memory: () => import("./memory.js"),
  console: () => import("./console.js"),
};
const program = PROGRAMS[process.argv[2] ?? ""];
if (program !== undefined) {
  process.argv.splice(2, 1);
  await program();
  process.exit(0);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    minutes: { type: "string" },
    scale: { type: "string", default: "1" },
    "no-write": { type: "boolean", default: false },
    pages: { type: "boolean", default: false },
  },
});
const names = CASES.map(({ name }) => name);
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0)
  throw new Error(
    `there is no ${unknown.join(", ")}, but ${[...names, ...Object.keys(PROGRAMS)].join(", ")}`,
  );
const asked = CASES.filter(({ name, alone }) =>
  positionals.length > 0 ? positionals.includes(name) : alone !== true,
);
const bound = asked.reduce((sum, { minutes }) => sum + minutes, 0);
const isKept = !values["no-write"] && values.scale === "1";
const minutes = Number(values.minutes ?? bound);

if (!values.pages) {
  const bed = await openBed(Number(values.scale));
  try {
    for (const one of asked) {
      const options = { rounds: Number(values.rounds), minutes: (one.minutes * minutes) / bound };
      const result = await runCase(one, bed, options);
      if (isKept) await keep(result);
      for (const { target, figure, met } of judge(result))
        console.log(`${met ? "met" : "NOT MET"}: ${target.what}: ${figure?.toFixed(2)}`);
    }
  } finally {
    await bed.close();
  }
}
if (isKept) await writePages(await kept(names));
process.exit(0);
