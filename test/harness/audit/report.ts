import { type Beside, besideHostile } from "./beside.js";
import type { Verdict } from "./audit.js";
import { SETTLE_MS } from "./checks/settled.js";
import { type Figures, figuresOf, type Spread } from "./figures.js";
import type { RunRecord } from "./record.js";
import { timelineOf } from "./timeline.js";

const MAX_VIOLATIONS = 20;
const MAX_TIMELINES = 5;

/** What was found, in Markdown. */
export function reportOf(record: RunRecord, verdicts: readonly Verdict[]): string {
  const figures = figuresOf(record);
  const total = verdicts.reduce((sum, { violations }) => sum + violations.length, 0);
  const { about, faults } = record;
  return [
    `# Chaos, seed ${about.seed}: ${total} violations`,
    "",
    `\`${about.command}\`, ${seconds(about.faultsEndedAt - about.startedAt)} of faults, ${seconds(about.endedAt - about.startedAt)} in all.`,
    "",
    ...(about.withoutRoot === null
      ? []
      : [`Without the backend docker, full disks and wrong clocks: ${about.withoutRoot}.`, ""]),
    ...checks(verdicts),
    "",
    ...targets(figures, total),
    ...besideTarget(record),
    "",
    ...counts(figures),
    "",
    "## Faults",
    "",
    ...faults
      .toSorted((a, b) => a.at - b.at)
      .map(
        ({ at, until, what }) =>
          `- ${((at - about.startedAt) / 1_000).toFixed(1)} s: ${what}, ${until - at} ms`,
      ),
    "",
    ...violationsOf(record, verdicts),
  ].join("\n");
}

function checks(verdicts: readonly Verdict[]): string[] {
  return [
    "| check | invariant | promise | violations |",
    "| --- | --- | --- | --- |",
    ...verdicts.map(
      ({ check, violations }) =>
        `| ${check.name} | ${check.invariant} | ${check.promise} | ${violations.length} |`,
    ),
  ];
}

function targets(figures: Figures, total: number): string[] {
  const { settledAfter, answered, takenOver } = figures;
  return [
    "| target | measured | |",
    "| --- | --- | --- |",
    `| no violation | ${total} | ${met(total === 0)} |`,
    `| settled within ${seconds(SETTLE_MS)} of the last fault | ${settledAfter === null ? "it hadn't" : seconds(settledAfter)} | ${met(settledAfter !== null && settledAfter <= SETTLE_MS)} |`,
    `| each request answered within 5 s while PostgreSQL is up | ${shown(answered)} | ${met(answered.max <= 5_000)} |`,
    `| a killed worker's operation goes on within 15 s | ${shown(takenOver)} | ${met(takenOver.max <= 15_000)} |`,
  ];
}

/** So many times as long may the others' answers take. */
const MOST_TIMES = 2;

function besideTarget(record: RunRecord): string[] {
  const beside = besideHostile(record);
  if (beside === null) return [];
  const { answers, operations } = beside;
  const told = (one: Beside) =>
    `p95 ${seconds(one.before)} before it, ${seconds(one.beside)} beside it, ${(one.beside / one.before).toFixed(1)} times`;
  return [
    `| the others' answers beside a hostile tenant take at most ${MOST_TIMES} times as long | ${told(answers)} | ${met(answers.beside <= MOST_TIMES * answers.before)} |`,
    `| so do their operations | ${told(operations)} | ${met(operations.beside <= MOST_TIMES * operations.before)} |`,
  ];
}

function met(good: boolean): string {
  return good ? "met" : "**missed**";
}

function counts(figures: Figures): string[] {
  const { requests, made, operations } = figures;
  return [
    `- Requests: ${requests.asked}, in ${requests.attempts} attempts; ${requests.accepted} accepted, ${requests.refused} refused, ${requests.unanswered} given up.`,
    ...Object.entries(operations).map(([kind, states]) => `- Operations, ${kind}: ${listed(states)}.`),
    `- Made: ${listed(made)}. Calls of the provider that changed something or failed to: ${figures.providerCalls}. Takeovers: ${figures.takeovers}.`,
    `- On Docker, with the operations that succeeded: ${listed(figures.docker)}.`,
    `- Faults: ${listed(figures.faults)}.`,
    `- From the first attempt to an answer, through all faults: ${shown(figures.served)}.`,
    `- From the death of an instance behind Berth's back until its successor ran: ${shown(figures.healed)}.`,
    `- From the end of an instance that nobody asked for until Berth said so: ${shown(figures.told)}.`,
    `- From "to go" until proven gone: ${shown(figures.released)}.`,
    `- Most memory, MB: ${listed(figures.memory)}.`,
  ];
}

function violationsOf(record: RunRecord, verdicts: readonly Verdict[]): string[] {
  const all = verdicts.flatMap(({ check, violations }) =>
    violations.map((one) => ({ ...one, check: check.name })),
  );
  if (all.length === 0) return [];
  const workspaces = [...new Set(all.flatMap(({ workspace }) => workspace ?? []))].slice(0, MAX_TIMELINES);
  return [
    "## Violations",
    "",
    ...all
      .slice(0, MAX_VIOLATIONS)
      .map(
        ({ check, workspace, at, what }) =>
          `- ${check}: ${workspace ?? "-"} ${at === null ? "" : `at ${((at - record.about.startedAt) / 1_000).toFixed(2)} s`}: ${what}`,
      ),
    ...(all.length > MAX_VIOLATIONS ? [`- … and ${all.length - MAX_VIOLATIONS} more`] : []),
    "",
    ...workspaces.flatMap((workspace) => [
      `### ${workspace}`,
      "",
      "```",
      ...timelineOf(record, workspace),
      "```",
      "",
    ]),
  ];
}

function shown({ n, p50, p99, max }: Spread): string {
  if (n === 0) return "none";
  return `p50 ${seconds(p50)}, p99 ${seconds(p99)}, max ${seconds(max)} (${n})`;
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 0)} s`;
}

function listed(counted: object): string {
  return Object.entries(counted)
    .map(([name, n]) => `${name} ${String(n)}`)
    .join(", ");
}
