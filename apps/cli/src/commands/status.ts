import type { Client, Leak, Place, Sweep, Workspace } from "@berth/client";
import { BerthError } from "@berth/client";
import { action, examples, type Register } from "../command.js";
import { type Context, printJson } from "../context.js";
import { repeat } from "../output/repeat.js";
import { table } from "../output/table.js";
import { relative, span } from "../output/times.js";

/** As many of each kind are asked for; what goes beyond is told as "and more". */
const MAX_ROWS = 500;
/** What isn't as it should be, in the order in which it is told. */
const AMISS = ["failed", "offline", "degraded"] as const;
/** Names that are told of each reason. */
const NAMES = 3;

interface Trouble {
  what: string;
  /** How many, as text. */
  count: string;
  why: string;
  /** What a person can do. */
  next: string;
}

/** The state of the whole in one look: what is wrong first. */
export const status: Register = (program, surroundings) => {
  const command = program
    .command("status")
    .summary("what is wrong, and what to do about it")
    .description("Shows what is wrong in the whole fleet, why, and what a person can do; or that nothing is.")
    .option("-w, --watch", "again every 2 seconds, until Ctrl-C")
    .action(
      action<{ watch?: true }>(surroundings, (context, { watch = false }) =>
        repeat(context, watch, () => show(context)),
      ),
    );
  examples(command, "berth status", "berth status --watch", "berth status --json | jq '.[].what'");
};

async function show(context: Context): Promise<void> {
  const { berth, signal, json, paint, print } = context;
  const now = Date.now();
  const [ready, workspaces, sweeps, leaks, places] = await Promise.all([
    readiness(berth, signal),
    firstOf(
      berth.rows("/workspaces", { params: { query: { status: [...AMISS], limit: MAX_ROWS } }, signal }),
    ),
    berth.GET("/sweeps", { signal }),
    firstOf(berth.rows("/leaks", { params: { query: { limit: MAX_ROWS } }, signal })),
    berth.GET("/places", { signal }),
  ]);
  const trouble = [
    ...ready,
    ...byReason(workspaces),
    ...sweeps.data.flatMap(ofSweep),
    ...ofLeaks(leaks, now),
    ...places.data.flatMap(ofPlace),
  ];
  if (json) return printJson(context, trouble);
  if (trouble.length === 0) return print(paint("green", "All is well."));
  const rows = trouble.map(({ what, count, why, next }) => [what, count, why, next]);
  print(table(paint, ["WHAT", "COUNT", "WHY", "NEXT"], rows));
}

/** What Berth says of itself. @throws BerthError if it doesn't answer at all */
async function readiness(berth: Client, signal: AbortSignal): Promise<Trouble[]> {
  const one = (why: string): Trouble => ({ what: "Berth", count: "1", why, next: "see docs/alerts.md" });
  try {
    return (await berth.GET("/ready", { signal })).data.degraded.map(one);
  } catch (error) {
    if (!(error instanceof BerthError) || error.status !== 503) throw error;
    return [one(error.detail)];
  }
}

/** One line for each status and reason, with the first names: a hundred that failed alike are one trouble. */
function byReason(workspaces: readonly Workspace[]): Trouble[] {
  const groups = new Map<string, Workspace[]>();
  for (const one of workspaces) {
    const key = `${AMISS.indexOf(one.status as never)} ${one.status_reason}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([, group]) => {
      const [first] = group as [Workspace];
      const names = group.slice(0, NAMES).map(({ name }) => name);
      return {
        what: first.status,
        count: counted(group.length, workspaces.length),
        why: `${first.status_reason ?? "no reason is known"} (${names.join(", ")}${group.length > NAMES ? ", …" : ""})`,
        next: group.length === 1 ? `berth why ${first.id}` : `berth ls --status ${first.status}`,
      };
    });
}

function ofSweep({ name, paused, silent, held, last_error: error, registered }: Sweep): Trouble[] {
  const one = (why: string, next: string): Trouble[] => [{ what: `sweep ${name}`, count: "1", why, next }];
  if (held !== null)
    return one(
      `its breaker holds back ${held.would_act} of ${held.looked_at}`,
      `berth sweeps approve ${name}`,
    );
  if (paused || !registered) return [];
  if (silent) return one("silent for over twice its interval", "see whether workers run");
  return error === null ? [] : one(error, `berth sweeps run ${name}`);
}

/** What an operation is about to remove is no trouble until it has been tried in vain. */
function ofLeaks(leaks: readonly Leak[], now: number): Trouble[] {
  const stuck = leaks.filter(({ under_way: underWay, attempts }) => !underWay || attempts > 1);
  if (stuck.length === 0) return [];
  const cost = stuck.reduce((sum, one) => sum + (one.cost_per_hour ?? 0), 0);
  const why = stuck[0]!.last_error?.message ?? stuck[0]!.why;
  return [
    {
      what: "to go and still there",
      count: counted(stuck.length, leaks.length),
      why: `since ${relative(stuck[0]!.since, now)}, ${cost.toFixed(2)} an hour: ${why}`,
      next: "berth leaks",
    },
  ];
}

function ofPlace({ name, workers, held, lost, last_error: error, served_at: served }: Place): Trouble[] {
  if (lost !== null) return [];
  const one = (why: string): Trouble[] => [
    { what: `place ${name}`, count: String(held), why, next: `berth places show ${name}` },
  ];
  if (error !== null) return one(error);
  if (workers.length > 0 || held === 0) return [];
  return one(
    served === null
      ? "no worker has ever served it"
      : `no worker serves it since ${span(Date.now() - Date.parse(served))}`,
  );
}

function counted(n: number, of: number): string {
  return of >= MAX_ROWS ? `${n}+` : String(n);
}

async function firstOf<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of rows) {
    found.push(one);
    if (found.length === MAX_ROWS) break;
  }
  return found;
}
