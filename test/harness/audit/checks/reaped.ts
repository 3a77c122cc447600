import type { Check, Violation } from "../check.js";
import { askedOf, type ContainerLife, containerLives, shortId, workspaceOf } from "../containers.js";
import type { Operation, RunRecord } from "../record.js";
import {
  effectsOf,
  instanceLives,
  type Life,
  misdated,
  RESOURCE_TAG,
  short,
  WORKSPACE_TAG,
} from "../view.js";

const ENDED = /^(i-\w+) (pending|running) -> (?:shutting-down|stopping)$/;
const DELETED = /^deleting (vol-\w+)$/;
const ATTACHED = /^attaching (vol-\w+) to /;
/** An agent beats every 3 s and waits as long for an answer. */
const AGENT_MISSING_MS = 8_000;
/** Between an answer and the line that tells of it. */
const SLACK_MS = 1_500;

export const reaped: Check = {
  name: "reaped",
  invariant: "I5, I10",
  promise:
    "Nothing was ended that lived and was wanted: neither an instance nor a volume nor an agent's workspace",
  find: (record) => [
    ...endedWhileWanted(record),
    ...endedInTheDaemon(record),
    ...restartedWithoutReason(record),
  ],
};

/** Whether an end was asked for by a stop that nobody took then: its row has been taken back, and says no more of it. */
function wasTakenBack({ sql }: RunRecord, workspace: string | null, at: number): boolean {
  return sql.operations.some(
    (one) =>
      one.workspace_id === workspace &&
      one.error?.code === "stop_retry_exhausted" &&
      (one.started_at ?? Infinity) <= at + SLACK_MS &&
      at <= (one.finished_at ?? Infinity),
  );
}

/** What Berth has ended although its row in the ledger didn't say that it is to go. */
function endedWhileWanted(record: RunRecord): Violation[] {
  const rows = new Map(record.sql.resources.map((row) => [row.id, row]));
  const workspaces = new Map(record.sql.workspaces.map((one) => [one.id, one]));
  const tags = new Map(record.provider.made.map((one) => [one.id, one.tags]));
  const used = new Map<string, number>();
  const found: Violation[] = [];
  for (const call of record.provider.calls)
    for (const effect of effectsOf(call)) {
      const attached = ATTACHED.exec(effect)?.[1];
      if (attached !== undefined) used.set(attached, call.at);
      const id = ENDED.exec(effect)?.[1] ?? DELETED.exec(effect)?.[1];
      if (id === undefined) continue;
      const row = rows.get(tags.get(id)?.[RESOURCE_TAG] ?? "");
      const workspace = tags.get(id)?.[WORKSPACE_TAG] ?? null;
      const report = (why: string) =>
        found.push({ workspace, at: call.at, what: `${id} was ended by ${call.action}, ${why}` });
      const releasingAt = row?.releasing_at ?? Infinity;
      if (
        row?.provider_id === id &&
        releasingAt > call.at + misdated(record, releasingAt) &&
        !wasTakenBack(record, workspace, call.at)
      )
        report("and its row in the ledger didn't say that it is to go");
      const removedAt = workspaces.get(workspace ?? "")?.removed_at ?? Infinity;
      if (id.startsWith("vol-") && used.has(id) && removedAt > call.at + misdated(record, removedAt))
        report("with the data of a workspace that wasn't removed");
    }
  return found;
}

/** As above, of containers that ran and of volumes that one had run with. */
function endedInTheDaemon(record: RunRecord): Violation[] {
  const rows = new Map(record.sql.resources.map((row) => [row.id, row]));
  const workspaces = new Map(record.sql.workspaces.map((one) => [one.id, one]));
  const lives = containerLives(record);
  const isBy = (time: number | null | undefined, at: number) =>
    time !== null && time !== undefined && time <= at + misdated(record, time);
  const ran = ({ startedAt, diedAt }: ContainerLife, at: number) =>
    startedAt !== null && startedAt <= at && (diedAt === null || diedAt > at);
  return askedOf(record).flatMap(({ at, what, target }): Violation[] => {
    if (what === "end") {
      const life = lives.findLast(
        ({ id, workspace, madeAt }) => id === target || (workspaceOf(target) === workspace && madeAt <= at),
      );
      const row = rows.get(life?.resource ?? "");
      if (life === undefined || !ran(life, at) || isBy(row?.releasing_at, at)) return [];
      if (wasTakenBack(record, life.workspace, at)) return [];
      const why = "which ran, was to end, and its row in the ledger didn't say that it is to go";
      return [{ workspace: life.workspace, at, what: `${shortId(life.id)}, ${why}` }];
    }
    const workspace = workspaceOf(target);
    const used = lives.some((life) => life.workspace === workspace && (life.startedAt ?? Infinity) <= at);
    if (!used || isBy(workspaces.get(workspace)?.removed_at, at)) return [];
    return [
      { workspace, at, what: `volume ${target} was to go with the data of a workspace that wasn't removed` },
    ];
  });
}

/** Restarts by Berth itself of what was alive. */
function restartedWithoutReason(record: RunRecord): Violation[] {
  const lives = instanceLives(record);
  const containers = containerLives(record);
  const backends = new Map(record.sql.workspaces.map((one) => [one.id, one.backend]));
  return record.sql.operations
    .filter(({ kind, source }) => kind === "restart" && (source === "reconciler" || source === "liveness"))
    .flatMap((operation): Violation[] => {
      const { workspace_id, created_at, source } = operation;
      const why =
        source === "liveness"
          ? heardWithin(record, operation)
          : backends.get(workspace_id) === "ec2"
            ? ranAt(record, lives, operation)
            : backends.get(workspace_id) === "docker"
              ? containerRanAt(record, containers, operation)
              : processRanAt(record, operation);
      if (why === null) return [];
      return [
        {
          workspace: workspace_id,
          at: created_at,
          what: `restarted by ${source} (${short(operation.id)}) although ${why}`,
        },
      ];
    });
}

function ranAt(
  record: RunRecord,
  lives: readonly Life[],
  { workspace_id, created_at }: Operation,
): string | null {
  const last = lives.findLast((life) => life.workspace === workspace_id && life.madeAt <= created_at);
  const endedBy = created_at + misdated(record, created_at);
  if (last === undefined || (last.endingAt !== null && last.endingAt <= endedBy)) return null;
  return `${last.id} ran`;
}

function containerRanAt(
  record: RunRecord,
  lives: readonly ContainerLife[],
  { workspace_id, created_at }: Operation,
): string | null {
  const last = lives.findLast(({ workspace, madeAt }) => workspace === workspace_id && madeAt <= created_at);
  if (last === undefined || last.startedAt === null) return null;
  const diedBy = created_at + misdated(record, created_at);
  return last.diedAt === null || last.diedAt > diedBy ? `${shortId(last.id)} ran` : null;
}

function processRanAt(record: RunRecord, { workspace_id, created_at }: Operation): string | null {
  const { agents, faults } = record;
  const skew = misdated(record, created_at);
  const lines = agents.filter((line) => line.workspace === workspace_id && line.at <= created_at);
  const start = lines.findLast(({ what }) => what === "start");
  const last = lines.findLast(({ generation }) => generation === start?.generation);
  if (start === undefined || last === undefined || last.what === "end") return null;
  const marker = `/${workspace_id}/${start.generation}/`;
  if (faults.some(({ struck, at }) => struck?.instance.includes(marker) === true && at <= created_at + skew))
    return null;
  if (created_at - last.at > AGENT_MISSING_MS - skew) return null;
  return `its process said so ${created_at - last.at} ms before`;
}

function heardWithin(record: RunRecord, { workspace_id, created_at }: Operation): string | null {
  const { about, agents, calls } = record;
  const beats = [
    ...agents
      .filter(
        ({ what, status, workspace }) => what === "beat" && status === 200 && workspace === workspace_id,
      )
      .map(({ at }) => at),
    ...calls
      .filter(
        ({ kind, status, workspace }) => kind === "beat" && status === 200 && workspace === workspace_id,
      )
      .map(({ answered }) => answered),
  ].filter((at) => at <= created_at);
  const last = Math.max(...beats, 0);
  // Both ages may be told by a clock that was set in between.
  const skew = 2 * Math.max(misdated(record, created_at), misdated(record, last));
  return created_at - last < about.agentSilentMs - SLACK_MS - skew
    ? `its agent was heard ${created_at - last} ms before`
    : null;
}
