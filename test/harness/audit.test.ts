import { describe, expect, it } from "vitest";
import { audit } from "./audit/audit.js";
import { figuresOf } from "./audit/figures.js";
import { pictureOf } from "./audit/picture.js";
import type { RunRecord } from "./audit/record.js";
import { reportOf } from "./audit/report.js";
import { type SeriesRun, seriesOf } from "./audit/series.js";
import {
  call,
  change,
  ended,
  INSTANCES,
  made,
  operation,
  resource,
  SOUND,
  WORKSPACES,
} from "./sound-record.js";

/** What a record says that isn't so in the sound one. */
interface Doctored {
  check: string;
  lie: string;
  record: RunRecord;
}

const { provider, sql } = SOUND;
const [FIRST, SECOND, LONE] = INSTANCES;
const [RESTARTED, DELETED, PROCESS] = WORKSPACES;

const withProvider = (changes: Partial<RunRecord["provider"]>): RunRecord => ({
  ...SOUND,
  provider: { ...provider, ...changes },
});
const withSql = (changes: Partial<RunRecord["sql"]>): RunRecord => ({
  ...SOUND,
  sql: { ...sql, ...changes },
});
const changed = <Row extends { id: string }>(rows: readonly Row[], id: string, to: Partial<Row>): Row[] => {
  expect(rows.some((row) => row.id === id)).toBe(true);
  return rows.map((row) => (row.id === id ? { ...row, ...to } : row));
};

const DOCTORED: readonly Doctored[] = [
  {
    check: "overlap",
    lie: "a second instance is made while the first one shuts down",
    record: withProvider({
      changes: provider.changes.map((one) =>
        one.id === FIRST && one.to === "terminated" ? { ...one, at: 3_250 } : one,
      ),
    }),
  },
  {
    check: "overlap",
    lie: "a process finds the lock of another in its volume",
    record: {
      ...SOUND,
      agents: [
        ...SOUND.agents,
        { at: 5_000, workspace: PROCESS, generation: 2, resource: "r5", what: "overlap", status: 0 },
      ],
    },
  },
  {
    check: "order",
    lie: "an operation begins before the one before it has ended",
    record: withSql({ operations: changed(sql.operations, "o2", { started_at: 1_400 }) }),
  },
  {
    check: "order",
    lie: "an older generation is launched after a newer one",
    record: withProvider({
      made: provider.made.map((one) => (one.id === FIRST ? made(FIRST, 9_000, RESTARTED, "r2", 1) : one)),
    }),
  },
  {
    check: "prompt",
    lie: "what waits begins two seconds after its turn",
    record: withSql({
      operations: Array.from({ length: 10 }, (_, n) => `w${n}`).flatMap((id) => [
        operation(`${id}-1`, id, 1, "provision", 1_000, 2_000),
        { ...operation(`${id}-2`, id, 2, "restart", 1_500, 5_000), started_at: 4_000 },
      ]),
    }),
  },
  {
    check: "answers",
    lie: "an operation that was answered isn't there",
    record: withSql({ operations: sql.operations.filter(({ id }) => id !== "o2") }),
  },
  {
    check: "answers",
    lie: "a workspace that was answered isn't there",
    record: withSql({ workspaces: sql.workspaces.filter(({ id }) => id !== DELETED) }),
  },
  {
    check: "answers",
    lie: "a deleted workspace lives",
    record: withSql({ workspaces: changed(sql.workspaces, DELETED, { status: "online", removed_at: null }) }),
  },
  {
    check: "answers",
    lie: "one Idempotency-Key has two operations",
    record: {
      ...SOUND,
      calls: [
        ...SOUND.calls,
        call({ request: "c-1", attempt: 2, kind: "create", workspace: RESTARTED, operation: "o2" }),
      ],
    },
  },
  {
    check: "answers",
    lie: "a restart had begun before it was asked for",
    record: {
      ...SOUND,
      calls: [
        ...SOUND.calls,
        call({
          request: "c-9",
          kind: "restart",
          workspace: RESTARTED,
          operation: "o2",
          asked: 2_500,
          answered: 2_600,
        }),
      ],
    },
  },
  {
    check: "answers",
    lie: "one create made two workspaces",
    record: withSql({ workspaces: [...sql.workspaces, { ...sql.workspaces[0]!, id: "another" }] }),
  },
  {
    check: "answers",
    lie: "an operation was asked for by nobody",
    record: withSql({ operations: [...sql.operations, operation("o9", DELETED, 9, "pause", 9_000, 9_100)] }),
  },
  {
    check: "ended",
    lie: "an operation still runs",
    record: withSql({ operations: changed(sql.operations, "o2", { state: "running", finished_at: null }) }),
  },
  {
    check: "ended",
    lie: "a gate is still held",
    record: withSql({ gates: sql.gates.map((gate) => ({ ...gate, owner: "vm/1/a" })) }),
  },
  {
    check: "leaks",
    lie: "an instance of a removed workspace runs",
    record: withProvider({ instances: changed(provider.instances, LONE, { state: "running" }) }),
  },
  {
    check: "leaks",
    lie: "a volume of a removed workspace is left",
    record: withProvider({
      volumes: [
        ...provider.volumes,
        { id: "vol-2", state: "available", tags: made("vol-2", 0, DELETED, "r4").tags },
      ],
    }),
  },
  {
    check: "leaks",
    lie: "a name of a removed workspace is left",
    record: withProvider({ names: [`ws-${DELETED}.ws.sim.example.`] }),
  },
  {
    check: "leaks",
    lie: "a process of an older generation runs",
    record: {
      ...SOUND,
      processes: { ...SOUND.processes, running: [{ pid: 7, workspace: PROCESS, generation: 0 }] },
    },
  },
  {
    check: "leaks",
    lie: "a directory of a removed workspace is left",
    record: { ...SOUND, processes: { ...SOUND.processes, volumes: [PROCESS, DELETED] } },
  },
  {
    check: "leaks",
    lie: "the ledger still owes something",
    record: withSql({ resources: changed(sql.resources, "r3", { state: "releasing" }) }),
  },
  {
    check: "ledger",
    lie: "an instance was made before its row was written",
    record: withSql({ resources: changed(sql.resources, "r3", { created_at: 3_300 }) }),
  },
  {
    check: "ledger",
    lie: "an instance has no row",
    record: withSql({ resources: sql.resources.filter(({ id }) => id !== "r3") }),
  },
  {
    check: "ledger",
    lie: "a process has no row",
    record: withSql({ resources: sql.resources.filter(({ id }) => id !== "r6") }),
  },
  {
    check: "proof",
    lie: "an instance is gone in the ledger before it is",
    record: withSql({ resources: changed(sql.resources, "r2", { gone_at: 2_950 }) }),
  },
  {
    check: "proof",
    lie: "a process that is gone in the ledger still writes",
    record: withSql({ resources: changed(sql.resources, "r6", { state: "gone", gone_at: 4_000 }) }),
  },
  {
    check: "reaped",
    lie: "an instance is ended whose row doesn't say that it is to go",
    record: withSql({ resources: changed(sql.resources, "r2", { releasing_at: null }) }),
  },
  {
    check: "reaped",
    lie: "a volume with data is deleted before its workspace is removed",
    record: withSql({ workspaces: changed(sql.workspaces, DELETED, { removed_at: 9_000 }) }),
  },
  {
    check: "reaped",
    lie: "a sweep restarts what ran",
    record: withSql({ operations: changed(sql.operations, "o2", { source: "reconciler" }) }),
  },
  {
    check: "reaped",
    lie: "a sweep restarts a process that was there a second ago",
    record: withSql({
      operations: [
        ...sql.operations,
        { ...operation("o9", PROCESS, 2, "restart", 5_000, 5_100), source: "reconciler" },
      ],
    }),
  },
  {
    check: "reaped",
    lie: "a sweep restarts an agent that was heard",
    record: withSql({
      operations: [
        ...sql.operations,
        { ...operation("o9", PROCESS, 2, "restart", 5_000, 5_100), source: "liveness" },
      ],
    }),
  },
  {
    check: "volumes",
    lie: "a volume is asked away before its instance is gone",
    record: withProvider({
      calls: provider.calls.map((one) =>
        one.action === "DeleteVolume" ? { ...one, at: 4_050, outcome: "VolumeInUse", effect: "" } : one,
      ),
    }),
  },
  {
    check: "volumes",
    lie: "a process has lost its directory",
    record: {
      ...SOUND,
      agents: [
        ...SOUND.agents,
        { at: 5_000, workspace: PROCESS, generation: 1, resource: "r6", what: "homeless", status: 0 },
      ],
    },
  },
  {
    check: "exhaustion",
    lie: "a delete has failed and no event tells of it",
    record: withSql({
      operations: changed(sql.operations, "o4", {
        state: "failed",
        error: { code: "terminate_retry_exhausted", message: "" },
      }),
    }),
  },
  {
    check: "exhaustion",
    lie: "a restart couldn't stop, and only its failure is told",
    record: withSql({
      operations: changed(sql.operations, "o2", {
        state: "failed",
        error: { code: "stop_retry_exhausted", message: "" },
      }),
      events: [
        {
          event_type: "workspace.restart.failed",
          workspace_id: RESTARTED,
          operation_id: "o2",
          payload: {},
          created_at: 0,
        },
      ],
    }),
  },
  {
    check: "failures",
    lie: "a delete has failed although nothing was wrong with its provider",
    record: withSql({
      operations: changed(sql.operations, "o4", {
        state: "failed",
        error: { code: "terminate_retry_exhausted", message: "the volume is in use" },
      }),
    }),
  },
  {
    check: "statuses",
    lie: "an online workspace's instance is gone",
    record: withProvider({ instances: changed(provider.instances, SECOND, { state: "terminated" }) }),
  },
  {
    check: "statuses",
    lie: "a paused workspace runs",
    record: withSql({ workspaces: changed(sql.workspaces, RESTARTED, { status: "paused" }) }),
  },
  {
    check: "statuses",
    lie: "an online process isn't there",
    record: { ...SOUND, processes: { ...SOUND.processes, running: [] } },
  },
  {
    check: "secrets",
    lie: "a token is in a log",
    record: { ...SOUND, exposures: [{ where: "api-1.log", excerpt: "token …secret…" }] },
  },
  {
    check: "crashes",
    lie: "a worker ended while nothing was broken",
    record: { ...SOUND, ended: [ended("worker-1", 900)] },
  },
  {
    check: "settled",
    lie: "it took three minutes to settle",
    record: { ...SOUND, about: { ...SOUND.about, settledAt: SOUND.about.faultsEndedAt + 180_000 } },
  },
  {
    check: "settled",
    lie: "it never settled",
    record: { ...SOUND, about: { ...SOUND.about, settledAt: null } },
  },
];

describe("the auditor", () => {
  const violated = (record: RunRecord) =>
    audit(record).flatMap(({ check, violations }) => violations.map(({ what }) => `${check.name}: ${what}`));

  it("finds nothing in a sound record", () => {
    expect(violated(SOUND)).toEqual([]);
  });

  it.each(DOCTORED)("$check: it flags that $lie", ({ check, record }) => {
    expect(violated(record).filter((what) => what.startsWith(`${check}: `))).not.toEqual([]);
  });

  it("has a doctored record for each of its checks", () => {
    expect([...new Set(DOCTORED.map(({ check }) => check))].toSorted()).toEqual(
      audit(SOUND)
        .map(({ check }) => check.name)
        .toSorted(),
    );
  });

  it("lets pass what only looks like a breach", () => {
    const struck: RunRecord = withProvider({
      changes: [
        ...provider.changes,
        change(SECOND, 6_000, "running", "shutting-down"),
        change(SECOND, 6_100, "shutting-down", "terminated"),
      ],
      made: [...provider.made, made("i-4", 7_500, RESTARTED, "r7", 3)],
      instances: [
        ...changed(provider.instances, SECOND, { state: "terminated" }),
        { id: "i-4", state: "running", tags: made("i-4", 0, RESTARTED, "r7").tags },
      ],
    });
    const healed: RunRecord = {
      ...struck,
      sql: {
        ...sql,
        operations: [
          ...sql.operations,
          { ...operation("o9", RESTARTED, 3, "restart", 7_000, 7_900), source: "reconciler" },
        ],
        resources: [
          ...changed(sql.resources, "r3", { state: "gone", releasing_at: 7_100, gone_at: 7_200 }),
          resource("r7", RESTARTED, "instance", "i-4", 7_300),
        ],
        workspaces: changed(sql.workspaces, RESTARTED, { instance_id: "i-4", generation: 3 }),
      },
    };
    expect(violated(healed), "an instance that died behind Berth's back is replaced").toEqual([]);
    const retried = {
      ...SOUND,
      calls: [
        ...SOUND.calls,
        call({ request: "c-2", attempt: 2, kind: "restart", workspace: RESTARTED, operation: "o2" }),
      ],
    };
    expect(violated(retried), "a retry is answered as the first attempt was").toEqual([]);
  });
});

describe("the database's clock", () => {
  const early = withSql({ operations: changed(sql.operations, "o2", { started_at: 1_400 }) });
  const wrong = (at: number, stepMs: number): RunRecord => ({
    ...early,
    faults: [
      ...early.faults,
      {
        id: 90,
        at,
        until: at + 1_000,
        what: "clock postgres",
        fault: { kind: "clock", of: "postgres", stepMs },
      },
    ],
  });
  const order = (record: RunRecord) => audit(record).find(({ check }) => check.name === "order")!.violations;

  it("is believed only as far as it was right: what it dated while it was wrong by more shows nothing", () => {
    expect(order(wrong(1_000, -500))).toEqual([]);
  });

  it("is believed when it was wrong by less, and when it was wrong at another time", () => {
    expect(order(wrong(1_000, -50))).not.toEqual([]);
    expect(order(wrong(6_000, -500))).not.toEqual([]);
  });
});

describe("the report", () => {
  it("says which promise was broken, with the timeline of the workspace, and draws the run", () => {
    const { record } = DOCTORED[0]!;
    const report = reportOf(record, audit(record));
    expect(report).toContain("# Chaos, seed 1: 2 violations");
    expect(report).toMatch(new RegExp(`overlap: ${RESTARTED} .* was made beside ${FIRST}`));
    expect(report).toMatch(/operation restart #2 .* began/);
    expect(pictureOf(record)).toMatch(/^<svg [^]*<polyline [^]*<\/svg>\n$/);
  });

  it("of several runs has a row for each, and rates over all: a bound where nothing was found", () => {
    const run = (seed: number, record: RunRecord): SeriesRun => ({
      seed,
      figures: figuresOf(record),
      verdicts: audit(record),
    });
    const sound = seriesOf([run(1, SOUND), run(2, SOUND)]);
    expect(sound).toContain("# 2 runs: 0 violations");
    expect(sound).toMatch(/^\| 1 \| 0 \| [^]*^\| 2 \| 0 \| /m);
    expect(sound).toMatch(
      /^- Leaked, of what was made: 0 of \d+ \(below [\d.]+ % with 95 % confidence\)\.$/m,
    );
    const broken = seriesOf([run(1, SOUND), run(2, DOCTORED[0]!.record)]);
    expect(broken).toMatch(/^- Overlaps, of all launches: 1 of \d+ \([\d.]+ %\)\.$/m);
  });
});
