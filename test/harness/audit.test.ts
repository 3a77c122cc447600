import { describe, expect, it } from "vitest";
import { audit } from "./audit/audit.js";
import { figuresOf } from "./audit/figures.js";
import { pictureOf } from "./audit/picture.js";
import type { RunRecord } from "./audit/record.js";
import { reportOf } from "./audit/report.js";
import { type SeriesRun, seriesOf } from "./audit/series.js";
import { BAD_OUTAGES } from "./doctored.js";
import {
  call,
  change,
  CONTAINERS,
  ended,
  INSTANCES,
  made,
  operation,
  resource,
  SOUND,
  told,
  toldOfVolume,
  WORKSPACES,
} from "./sound-record.js";

/** What a record says that isn't so in the sound one. */
interface Doctored {
  check: string;
  lie: string;
  record: RunRecord;
}

const { provider, sql, docker } = SOUND;
const [FIRST, SECOND, LONE] = INSTANCES;
const [RESTARTED, DELETED, PROCESS, CONTAINED, FREED] = WORKSPACES;
const [OLDER, NEWER, FORMER] = CONTAINERS;

const withProvider = (changes: Partial<RunRecord["provider"]>): RunRecord => ({
  ...SOUND,
  provider: { ...provider, ...changes },
});
const withSql = (changes: Partial<RunRecord["sql"]>): RunRecord => ({
  ...SOUND,
  sql: { ...sql, ...changes },
});
const withDocker = (changes: Partial<RunRecord["docker"]>): RunRecord => ({
  ...SOUND,
  docker: { ...docker, ...changes },
});
/** As if the daemon had told one thing at another time. */
const toldAt = (of: string, what: string, at: number) =>
  docker.events.map((one) => (one.id === of && one.action === what ? { ...one, at } : one));
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
    check: "overlap",
    lie: "a second container is made while the first one is there",
    record: withDocker({ events: toldAt(OLDER, "destroy", 5_000) }),
  },
  {
    check: "overlap",
    lie: "a second container starts before the first one has ended",
    record: withDocker({ events: toldAt(OLDER, "die", 3_310) }),
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
    check: "order",
    lie: "a container of an older generation is launched after a newer one",
    record: withDocker({
      events: [
        ...docker.events,
        told("c0ffee04", "create", 5_000, CONTAINED, "r8"),
        told("c0ffee04", "destroy", 5_100, CONTAINED, "r8"),
      ],
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
          request: "c-19",
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
    record: withSql({ operations: [...sql.operations, operation("o19", DELETED, 9, "pause", 9_000, 9_100)] }),
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
    lie: "a container is left that has ended, of a workspace that was removed",
    record: withDocker({
      containers: [
        ...docker.containers,
        { id: FORMER, state: "exited", labels: { "berth.workspace": FREED, "berth.resource": "r11" } },
      ],
    }),
  },
  {
    check: "leaks",
    lie: "a container is left beside the one that its workspace has",
    record: withDocker({
      containers: [
        ...docker.containers,
        { id: OLDER, state: "created", labels: { "berth.workspace": CONTAINED, "berth.resource": "r8" } },
      ],
    }),
  },
  {
    check: "leaks",
    lie: "a volume is left in the daemon",
    record: withDocker({
      volumes: [
        ...docker.volumes,
        { name: `ws-${FREED}`, labels: { "berth.workspace": FREED, "berth.resource": "r10" } },
      ],
    }),
  },
  {
    check: "leaks",
    lie: "a volume without labels is left in the daemon",
    record: withDocker({ volumes: [...docker.volumes, { name: "0af5", labels: {} }] }),
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
    check: "ledger",
    lie: "a container was made before its row was written",
    record: withSql({ resources: changed(sql.resources, "r9", { created_at: 3_250 }) }),
  },
  {
    check: "ledger",
    lie: "a container's volume was made before its row was written",
    record: withSql({ resources: changed(sql.resources, "r7", { created_at: 1_150 }) }),
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
    check: "proof",
    lie: "a container is gone in the ledger, and its process ends later",
    record: withSql({ resources: changed(sql.resources, "r8", { gone_at: 2_450 }) }),
  },
  {
    check: "proof",
    lie: "a container is gone in the ledger that is there when all has settled",
    record: withSql({ resources: changed(sql.resources, "r9", { state: "gone", gone_at: 9_000 }) }),
  },
  {
    check: "proof",
    lie: "a container that is gone in the ledger still writes",
    record: {
      ...SOUND,
      agents: [
        ...SOUND.agents,
        { at: 4_300, workspace: FREED, generation: 1, resource: FORMER, what: "beat", status: 200 },
      ],
    },
  },
  {
    check: "proof",
    lie: "a volume is gone in the ledger long before the daemon has removed it",
    record: withDocker({
      events: [
        ...docker.events.filter(({ id, action }) => id !== `ws-${FREED}` || action !== "destroy"),
        toldOfVolume(FREED, "destroy", 8_000),
      ],
    }),
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
    lie: "a container that runs is removed, and its row doesn't say that it is to go",
    record: withSql({ resources: changed(sql.resources, "r8", { releasing_at: 9_000 }) }),
  },
  {
    check: "reaped",
    lie: "a container's volume with data is removed before its workspace is",
    record: withSql({ workspaces: changed(sql.workspaces, FREED, { removed_at: 9_000 }) }),
  },
  {
    check: "reaped",
    lie: "a sweep restarts a container that runs",
    record: withSql({ operations: changed(sql.operations, "o7", { source: "reconciler" }) }),
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
        { ...operation("o19", PROCESS, 2, "restart", 5_000, 5_100), source: "reconciler" },
      ],
    }),
  },
  {
    check: "reaped",
    lie: "a sweep restarts an agent that was heard",
    record: withSql({
      operations: [
        ...sql.operations,
        { ...operation("o19", PROCESS, 2, "restart", 5_000, 5_100), source: "liveness" },
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
    lie: "a container's volume is asked away before the container is",
    record: withDocker({
      requests: docker.requests.map((one) =>
        one.path.startsWith("/volumes/") ? { ...one, at: 3_990 } : one,
      ),
    }),
  },
  {
    check: "volumes",
    lie: "a container's volume is asked away long before the container is gone",
    record: withDocker({ events: toldAt(FORMER, "destroy", 8_000) }),
  },
  {
    check: "volumes",
    lie: "a container finds its volume empty",
    record: {
      ...SOUND,
      agents: SOUND.agents.map((one) => (one.generation === 2 ? { ...one, status: 0 } : one)),
    },
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
    check: "failures",
    lie: "a restart of a container has failed although nothing was wrong with its daemon",
    record: {
      ...withSql({
        operations: changed(sql.operations, "o7", { state: "failed", error: { code: "x", message: "" } }),
      }),
      faults: [
        ...SOUND.faults,
        { id: 1, at: 2_000, until: 3_000, what: "", fault: { kind: "provider", how: "hangs" } },
        {
          id: 2,
          at: 2_000,
          until: 2_000,
          what: "",
          fault: { kind: "strike" },
          struck: { instance: FORMER, workspace: FREED },
        },
      ],
    },
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
    check: "statuses",
    lie: "an online workspace's container has ended",
    record: withDocker({ containers: changed(docker.containers, NEWER, { state: "exited" }) }),
  },
  {
    check: "statuses",
    lie: "an online workspace has no container",
    record: withDocker({ containers: [] }),
  },
  {
    check: "statuses",
    lie: "a paused workspace's container is there",
    record: withSql({ workspaces: changed(sql.workspaces, CONTAINED, { status: "paused" }) }),
  },
  {
    check: "secrets",
    lie: "a token is in a log",
    record: { ...SOUND, exposures: [{ where: "api-1.log", excerpt: "token …secret…" }] },
  },
  {
    check: "tenants",
    lie: "a list shows a tenant what is another's",
    record: { ...SOUND, seen: [{ at: 2_000, tenant: "blue", path: "/operations", ids: ["o1"] }] },
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
  ...BAD_OUTAGES,
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
      made: [...provider.made, made("i-4", 7_500, RESTARTED, "r17", 3)],
      instances: [
        ...changed(provider.instances, SECOND, { state: "terminated" }),
        { id: "i-4", state: "running", tags: made("i-4", 0, RESTARTED, "r17").tags },
      ],
    });
    const healed: RunRecord = {
      ...struck,
      sql: {
        ...sql,
        operations: [
          ...sql.operations,
          { ...operation("o19", RESTARTED, 3, "restart", 7_000, 7_900), source: "reconciler" },
        ],
        resources: [
          ...changed(sql.resources, "r3", { state: "gone", releasing_at: 7_100, gone_at: 7_200 }),
          resource("r17", RESTARTED, "instance", "i-4", 7_300),
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

  it("lets pass what a daemon that was killed has ended, or hasn't told", () => {
    const killed = {
      id: 1,
      at: 5_000,
      until: 6_000,
      what: "docker kill",
      fault: { kind: "docker", how: "kill" },
    };
    const third = "c0ffee04".repeat(8);
    const healed = (events: RunRecord["docker"]["events"]): RunRecord => ({
      ...SOUND,
      faults: [...SOUND.faults, killed],
      agents: [
        ...SOUND.agents,
        // It goes on without its daemon.
        { at: 5_500, workspace: CONTAINED, generation: 2, resource: NEWER, what: "beat", status: 200 },
        { at: 7_620, workspace: CONTAINED, generation: 3, resource: third, what: "start", status: 2 },
      ],
      docker: {
        ...docker,
        events: [
          ...events,
          told(third, "create", 7_500, CONTAINED, "r12", 3),
          told(third, "start", 7_600, CONTAINED, "r12", 3),
        ],
        containers: [
          {
            id: third,
            state: "running",
            labels: { "berth.workspace": CONTAINED, "berth.resource": "r12", "berth.generation": "3" },
          },
        ],
      },
      sql: {
        ...sql,
        operations: [
          ...sql.operations,
          { ...operation("o12", CONTAINED, 3, "restart", 7_000, 7_900), source: "reconciler" },
          { ...operation("o13", CONTAINED, 4, "pause", 8_000, 8_100), state: "failed" },
        ],
        events: [
          {
            event_type: "workspace.pause.failed",
            workspace_id: CONTAINED,
            operation_id: "o13",
            payload: {},
            created_at: 8_100,
          },
        ],
        resources: [
          ...changed(sql.resources, "r9", { state: "gone", releasing_at: 7_100, gone_at: 7_400 }),
          { ...resource("r12", CONTAINED, "instance", third, 7_450), backend: "docker", generation: 3 },
        ],
        workspaces: changed(sql.workspaces, CONTAINED, { instance_id: third, generation: 3 }),
      },
      calls: [
        ...SOUND.calls,
        call({ request: "c-20", kind: "pause", workspace: CONTAINED, operation: "o13", asked: 7_990 }),
      ],
    });
    const end = [
      told(NEWER, "die", 6_100, CONTAINED, "r9", 2),
      told(NEWER, "destroy", 7_300, CONTAINED, "r9", 2),
    ];
    expect(violated(healed([...docker.events, ...end])), "it has told").toEqual([]);
    expect(violated(healed(docker.events)), "it hasn't").toEqual([]);
  });

  it("lets pass what a process does that its daemon has lost: it was killed before it called it started", () => {
    const lines = (["start", "beat", "homeless"] as const).map((what, n) => ({
      at: 4_500 + n,
      workspace: FREED,
      generation: 1,
      resource: FORMER,
      what,
      status: n === 0 ? 1 : 0,
    }));
    const lost: RunRecord = {
      ...SOUND,
      agents: [
        ...SOUND.agents.filter(({ resource: id }) => id !== FORMER),
        ...lines.map((line) => (line.what === "start" ? { ...line, what: "overlap" as const } : line)),
      ],
      docker: {
        ...docker,
        events: docker.events.filter(({ id, action }) => id !== FORMER || !["start", "die"].includes(action)),
        requests: [...docker.requests, { at: 1_250, method: "POST", path: `/containers/${FORMER}/start` }],
      },
    };
    const kill = { kind: "docker", how: "kill" };
    const faults = [{ id: 1, at: 1_260, until: 1_900, killedAt: 1_270, what: "docker kill", fault: kill }];
    expect(violated({ ...lost, faults })).toEqual([]);
    const checks = violated(lost).map((what) => what.split(":")[0]);
    expect(checks, "without a kill").toEqual(expect.arrayContaining(["overlap", "proof", "volumes"]));
    const early = faults.map((one) => ({ ...one, at: 1_100, killedAt: 1_200 }));
    expect(violated({ ...lost, faults: early }), "killed before it was asked").not.toEqual([]);
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

  it("holds the others' times beside a hostile tenant against those before it came, of the same run", () => {
    const one = SOUND.calls.find(({ kind }) => kind === "create")!;
    const answered = (asked: number, took: number) => ({ ...one, asked, answered: asked + took });
    const run = (took: number): string => {
      const calls = [
        answered(1_000, 100),
        answered(1_200, 100),
        answered(5_000, took),
        answered(5_200, took),
      ];
      const record = { ...SOUND, faults: [], calls, about: { ...SOUND.about, attackedAt: 4_000 } };
      return reportOf(record, []);
    };
    expect(run(200)).toContain("p95 0.10 s before it, 0.20 s beside it, 2.0 times | met |");
    expect(run(201)).toContain("p95 0.10 s before it, 0.20 s beside it, 2.0 times | **missed** |");
    expect(reportOf(SOUND, [])).not.toContain("hostile");
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
