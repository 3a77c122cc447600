import type { Verdict } from "./audit.js";
import type { Figures } from "./figures.js";
import { seconds } from "./report.js";

/** What is kept of each run of a series. */
export interface SeriesRun {
  seed: number;
  figures: Figures;
  verdicts: readonly Verdict[];
}

const COLUMNS: readonly [title: string, of: (run: SeriesRun) => string][] = [
  ["seed", ({ seed }) => String(seed)],
  ["violations", (run) => String(violationsIn([run]))],
  ["faults", ({ figures }) => String(sum(Object.values(figures.faults)))],
  ["requests (attempts)", ({ figures: { requests } }) => `${requests.asked} (${requests.attempts})`],
  ["operations", ({ figures }) => String(operationsOf(figures))],
  ["made", ({ figures }) => String(madeBy(figures))],
  ["taken over", ({ figures }) => String(figures.takeovers)],
  [
    "settled",
    ({ figures: { settledAfter } }) => (settledAfter === null ? "it hadn't" : seconds(settledAfter)),
  ],
  ["slowest answer", ({ figures }) => seconds(figures.answered.max)],
  ["slowest takeover (n)", ({ figures: { takenOver } }) => `${seconds(takenOver.max)} (${takenOver.n})`],
  ["most MB", ({ figures }) => String(Math.max(0, ...Object.values(figures.memory)))],
];

/** Several runs with different seeds in one table, and the rates over all of them: Markdown. */
export function seriesOf(runs: readonly SeriesRun[]): string {
  const made = sum(runs.map(({ figures }) => madeBy(figures)));
  const launches = sum(
    runs.map(({ figures }) => figures.made.instances + figures.made.processes + figures.made.containers),
  );
  const accepted = sum(runs.map(({ figures }) => figures.requests.accepted));
  const rate = (what: string, of: number, checks: readonly string[]) =>
    `- ${what}: ${shownRate(violationsIn(runs, checks), of)}.`;
  return [
    `# ${runs.length} runs: ${violationsIn(runs)} violations`,
    "",
    `| ${COLUMNS.map(([title]) => title).join(" | ")} |`,
    `| ${COLUMNS.map(() => "---").join(" | ")} |`,
    ...runs.map((run) => `| ${COLUMNS.map(([, of]) => of(run)).join(" | ")} |`),
    "",
    rate("Leaked, of what was made", made, ["leaks"]),
    rate("Reaped while it was wanted, of what was made", made, ["reaped", "volumes"]),
    rate("Overlaps, of all launches", launches, ["overlap"]),
    rate("Lost or done twice, of what was answered 2xx", accepted, ["answers", "ended"]),
  ].join("\n");
}

/** With no event in `n` independent trials, the rate is below 3/n with 95 % confidence (the rule of three). */
function shownRate(found: number, n: number): string {
  if (n === 0) return "nothing to judge by";
  const counted = `${found} of ${n.toLocaleString("en")}`;
  return found > 0
    ? `${counted} (${((100 * found) / n).toFixed(3)} %)`
    : `${counted} (below ${(300 / n).toFixed(3)} % with 95 % confidence)`;
}

function violationsIn(runs: readonly SeriesRun[], checks?: readonly string[]): number {
  return sum(
    runs.flatMap(({ verdicts }) =>
      verdicts
        .filter(({ check }) => checks?.includes(check.name) ?? true)
        .map(({ violations }) => violations.length),
    ),
  );
}

/** Instances, volumes, processes and containers. */
function madeBy({ made }: Figures): number {
  return sum(Object.values(made)) - made.workspaces;
}

function operationsOf({ operations }: Figures): number {
  return sum(Object.values(operations).flatMap((states) => Object.values(states)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
