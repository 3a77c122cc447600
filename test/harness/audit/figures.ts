import { toldAfter } from "./checks/truth.js";
import { containerLives } from "./containers.js";
import type { ClientCall, FaultLine, RunRecord } from "./record.js";
import { byWorkspace, instanceLives } from "./view.js";

export interface Spread {
  n: number;
  p50: number;
  p99: number;
  max: number;
}

export interface Figures {
  requests: { asked: number; attempts: number; accepted: number; refused: number; unanswered: number };
  operations: Record<string, Record<string, number>>;
  made: { workspaces: number; instances: number; volumes: number; processes: number; containers: number };
  /** Of workspaces on Docker: how many there were, and operations that succeeded. */
  docker: Record<string, number>;
  providerCalls: number;
  faults: Record<string, number>;
  takeovers: number;
  /** From the end of the last fault, in ms. */
  settledAfter: number | null;
  /** Of each answer while PostgreSQL was up, the API ran and could be reached, in ms. */
  answered: Spread;
  /** From the first attempt to an answer, through all retries and faults, in ms. */
  served: Spread;
  /** From the death of a worker until another had its operation, PostgreSQL and Redis being up, in ms. */
  takenOver: Spread;
  /** From the death of an instance until its successor ran, in ms. */
  healed: Spread;
  /** From the end of an instance that nobody asked for until `GET /workspaces` said so, in ms. */
  told: Spread;
  /** From the moment that something was to go until it was proven gone, in ms. */
  released: Spread;
  /** Most MB of any process of each program. */
  memory: Record<string, number>;
}

/** An API that was just started or that has lost its database needs a moment. */
const AFTERMATH_MS = 5_000;

export function figuresOf(record: RunRecord): Figures {
  const { calls, sql, provider, agents, about, faults } = record;
  const changes = calls.filter(({ kind }) => kind !== "beat");
  const onDocker = new Set(sql.workspaces.flatMap(({ id, backend }) => (backend === "docker" ? id : [])));
  const requests = byWorkspace(changes, ({ request }) => request);
  const last = [...requests.values()].map((attempts) => attempts.at(-1)!);
  return {
    requests: {
      asked: requests.size,
      attempts: changes.length,
      accepted: last.filter(({ status }) => status >= 200 && status < 300).length,
      refused: last.filter(({ status }) => status >= 400 && status < 500).length,
      unanswered: last.filter(({ status }) => status === 0 || status >= 500).length,
    },
    operations: Object.fromEntries(
      [...byWorkspace(sql.operations, ({ kind }) => kind)].map(([kind, all]) => [
        kind,
        count(all, ({ state }) => state),
      ]),
    ),
    made: {
      workspaces: sql.workspaces.length,
      instances: provider.made.filter(({ id }) => id.startsWith("i-")).length,
      volumes: provider.made.filter(({ id, tags }) => id.startsWith("vol-") && tags["berth:role"] !== "root")
        .length,
      processes: agents.filter(({ what, workspace }) => what === "start" && !onDocker.has(workspace)).length,
      containers: containerLives(record).length,
    },
    docker: {
      workspaces: onDocker.size,
      ...count(
        sql.operations.filter(
          ({ state, workspace_id }) => state === "succeeded" && onDocker.has(workspace_id),
        ),
        ({ kind }) => kind,
      ),
    },
    providerCalls: provider.calls.length,
    faults: count(faults, ({ fault }) => fault.kind),
    takeovers: sql.operations.reduce((sum, one) => sum + one.takeovers, 0),
    settledAfter: about.settledAt === null ? null : about.settledAt - about.faultsEndedAt,
    answered: spread(
      changes.filter((call) => isFair(call, faults)).map(({ asked, answered }) => answered - asked),
    ),
    served: spread(
      [...requests.values()]
        .filter((attempts) => attempts[0]!.kind !== "read" && attempts.at(-1)!.status > 0)
        .map((attempts) => attempts.at(-1)!.answered - attempts[0]!.asked),
    ),
    takenOver: spread(takenOver(record)),
    healed: spread(healed(record)),
    told: spread(toldAfter(record)),
    released: spread(
      sql.resources.flatMap(({ releasing_at, gone_at }) =>
        releasing_at === null || gone_at === null ? [] : [gone_at - releasing_at],
      ),
    ),
    memory: record.samples.reduce<Record<string, number>>((most, { rss }) => {
      for (const [name, mb] of Object.entries(rss)) most[name] = Math.max(most[name] ?? 0, mb);
      return most;
    }, {}),
  };
}

/** Nothing stood between the caller and an answer but Berth itself. */
export function isFair(call: ClientCall, faults: readonly FaultLine[]): boolean {
  return !faults.some(({ fault, at, until }) => {
    const { kind, program, link, how } = fault;
    const own =
      kind === "network"
        ? link === `${call.api}-postgres` || link === `clients-${call.api}`
        : kind === "postgres"
          ? how !== "cut"
          : program === call.api;
    const aftermath = kind === "freeze" || kind === "network" ? 0 : AFTERMATH_MS;
    return own && at <= call.answered && call.asked <= until + aftermath;
  });
}

function takenOver({ faults, samples }: RunRecord): number[] {
  return faults.flatMap(({ held = [], killedAt }) =>
    held.flatMap(({ workspace, fence, head }) => {
      if (killedAt === undefined) return [];
      const sample = samples.find(
        ({ at, gates }) =>
          at > killedAt &&
          gates.some((gate) => gate.workspace === workspace && (gate.fence > fence || gate.head > head)),
      );
      if (sample === undefined) return [];
      const disturbed = faults.some(
        ({ fault, at, until }) =>
          // A full disk is one of theirs.
          ["postgres", "redis", "disk"].includes(fault.kind) && at <= sample.at && until >= killedAt,
      );
      return disturbed ? [] : [sample.at - killedAt];
    }),
  );
}

function healed(record: RunRecord): number[] {
  const running = new Map(
    record.provider.changes.filter(({ to }) => to === "running").map(({ id, at }) => [id, at]),
  );
  const lives = instanceLives(record);
  return record.faults.flatMap(({ struck, at }) => {
    const dead = lives.find(({ id }) => id === struck?.instance);
    const next = lives.find(({ workspace, madeAt }) => workspace === dead?.workspace && madeAt > at);
    const ran = next === undefined ? undefined : running.get(next.id);
    return ran === undefined ? [] : [ran - at];
  });
}

export function spread(values: readonly number[]): Spread {
  const at = (share: number) => percentile(values, share);
  return { n: values.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function count<Thing>(things: readonly Thing[], of: (thing: Thing) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const thing of things) counts[of(thing)] = (counts[of(thing)] ?? 0) + 1;
  return counts;
}
