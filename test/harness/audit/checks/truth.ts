import { containerLives, shortId, TOLD_LATE_MS } from "../containers.js";
import type { Check, Violation } from "../check.js";
import { lostContainers } from "../lost.js";
import type { Beat, Operation, RunRecord } from "../record.js";
import { type Spoken, spokenOf } from "../spoken.js";
import { byWorkspace, instanceLives, misdated } from "../view.js";

const UP: readonly string[] = ["online", "degraded"];
const SUSPENDED: readonly string[] = ["paused", "hibernated"];
/** For how long the provider of the harness may show what was so before. */
const SHOWN_LATE_MS = 4_000;
/** What a process writes that is under way. */
const WRITTEN_LATE_MS = 500;

/** One instance, whatever runs it, by what its provider told. */
interface Run {
  workspace: string;
  /** As Berth calls it, where that is known. */
  instance: string | null;
  generation: number;
  name: string;
  startedAt: number;
  /** Null: nobody knows, or it runs still. */
  endedAt: number | null;
  /** It was there for certain, and ran, until then. */
  ranUntil: number;
}

/**
 * What runs is told by its provider's own log, when Berth knew of it by the runs of the sweep that looks: so there is no
 * time limit here that a slow machine could miss.
 */
export const truth: Check = {
  name: "truth",
  invariant: "I4, I13",
  promise:
    "At all times, what Berth says of each workspace is what its provider says, or said until the last look",
  find(record) {
    const runs = byWorkspace(runsOf(record), ({ workspace }) => workspace);
    const operations = byWorkspace(record.sql.operations, (one) => one.workspace_id);
    return spokenOf(record).flatMap((spoken): Violation[] => {
      const mine = runs.get(spoken.workspace.id) ?? [];
      const what = UP.includes(spoken.status)
        ? deadFor(record, spoken, mine, operations.get(spoken.workspace.id) ?? [])
        : aliveThough(spoken, mine);
      return what === null ? [] : [{ workspace: spoken.workspace.id, at: spoken.asked, what }];
    });
  },
};

/** From the end of an instance that nobody had asked for until Berth no longer said that it runs, in ms. */
export function toldAfter(record: RunRecord): number[] {
  const runs = new Map(runsOf(record).map((run) => [`${run.workspace}/${run.generation}`, run]));
  const told: number[] = [];
  for (const { workspace, generation, status, asked, until } of spokenOf(record)) {
    const endedAt = runs.get(`${workspace.id}/${generation}`)?.endedAt ?? null;
    if (endedAt === null || !UP.includes(status) || asked > endedAt || until <= endedAt) continue;
    const underWay = record.sql.operations.some(
      (one) =>
        one.workspace_id === workspace.id &&
        one.created_at <= endedAt &&
        (one.finished_at ?? Infinity) >= endedAt,
    );
    if (underWay) continue;
    told.push(until - endedAt);
  }
  return told;
}

/** It is said to run, and a look that saw all was begun and ended since its end. */
function deadFor(
  record: RunRecord,
  { workspace, status, instance, generation, last }: Spoken,
  runs: readonly Run[],
  operations: readonly Operation[],
): string | null {
  const run = runs.find((one) =>
    one.instance === null ? one.generation === generation : one.instance === instance,
  );
  const endedAt = run?.endedAt ?? null;
  if (run === undefined || endedAt === null || endedAt > last) return null;
  const look = record.beats.find(
    (beat) =>
      isOf(beat, workspace.place) &&
      sawAll(beat) &&
      beat.started_at - misdated(record, beat.started_at) > endedAt + SHOWN_LATE_MS &&
      beat.finished_at! + misdated(record, beat.finished_at!) < last &&
      !wasHeard(record, workspace.id, beat) &&
      !operations.some((one) => one.created_at <= last && (one.finished_at ?? Infinity) >= beat.started_at),
  );
  if (look === undefined) return null;
  return `it was said to be ${status} ${last - endedAt} ms after ${run.name} had ended, and ${last - look.finished_at!} ms after a look at it had`;
}

/** It is said to be dead or at rest, and its provider's own word is that it runs before and after. */
function aliveThough(
  { status, reason, instance, generation, asked, answered }: Spoken,
  runs: readonly Run[],
): string | null {
  const calledDead = status === "offline" && reason?.startsWith("instance_") === true;
  if (!calledDead && !SUSPENDED.includes(status)) return null;
  const run = runs.find(
    (one) =>
      one.startedAt <= asked &&
      one.ranUntil > answered &&
      (calledDead && one.instance !== null ? one.instance === instance : one.generation <= generation),
  );
  if (run === undefined) return null;
  return `it was said to be ${status}${reason === null ? "" : ` (${reason})`}, and ${run.name} ran`;
}

const isOf = ({ place }: Beat, of: string) => place === null || place === of;
const sawAll = ({ finished_at, error, counts }: Beat) =>
  finished_at !== null && error === null && counts["unknown"] === 0 && counts["contradicted"] === 0;

/** An agent's word of late stands against its provider's. */
function wasHeard({ agents, calls, about }: RunRecord, workspace: string, beat: Beat): boolean {
  const since = beat.started_at - (2 / 3) * about.agentSilentMs - WRITTEN_LATE_MS;
  const isLate = (at: number) => at >= since && at <= beat.finished_at!;
  return (
    agents.some(
      (one) => one.workspace === workspace && one.what === "beat" && one.status === 200 && isLate(one.at),
    ) ||
    calls.some(
      (one) =>
        one.workspace === workspace && one.kind === "beat" && one.status === 200 && isLate(one.answered),
    )
  );
}

function runsOf(record: RunRecord): Run[] {
  const lost = new Set(lostContainers(record).map(({ id }) => id));
  const died = new Map(
    record.docker.events.flatMap(({ type, action, id, at }) =>
      type === "container" && action === "die" ? [[id, at] as const] : [],
    ),
  );
  const stopped = new Map(
    record.provider.changes.flatMap(({ id, to, at }) =>
      to === "stopped" || to === "terminated" ? [[id, at] as const] : [],
    ),
  );
  return [
    ...containerLives(record).flatMap(({ id, workspace, generation, startedAt, diedAt }): Run[] => {
      if (startedAt === null || lost.has(id)) return [];
      const endedAt = died.get(id) ?? null;
      const ranUntil = diedAt === null ? Infinity : (endedAt ?? diedAt) - TOLD_LATE_MS;
      return [{ workspace, instance: id, generation, name: shortId(id), startedAt, endedAt, ranUntil }];
    }),
    ...instanceLives(record).map(({ id, workspace, generation, madeAt, endingAt }): Run => {
      const endedAt = stopped.get(id) ?? null;
      const ranUntil = endingAt ?? Infinity;
      return { workspace, instance: id, generation, name: id, startedAt: madeAt, endedAt, ranUntil };
    }),
    ...processesOf(record),
  ];
}

/** A process is known by what it writes; when it has ended, only where the harness has ended it. */
function processesOf({ agents, faults, sql }: RunRecord): Run[] {
  const ours = new Set(sql.workspaces.flatMap(({ id, backend }) => (backend === "process" ? id : [])));
  const lines = agents.filter(({ workspace }) => ours.has(workspace));
  return [...byWorkspace(lines, (line) => `${line.workspace}/${line.generation}`).values()].map(
    (all): Run => {
      const { workspace, generation, at: startedAt } = all[0]!;
      const marker = `/${workspace}/${generation}/`;
      const struck = faults.find((line) => line.struck?.instance.includes(marker) === true);
      const ranUntil = all.at(-1)!.at - WRITTEN_LATE_MS;
      const name = `the process of generation ${generation}`;
      return {
        workspace,
        instance: null,
        generation,
        name,
        startedAt,
        endedAt: struck?.at ?? null,
        ranUntil,
      };
    },
  );
}
