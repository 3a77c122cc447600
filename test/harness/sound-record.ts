import type {
  Beat,
  ChangeLine,
  ClientCall,
  DockerEvent,
  EndedLine,
  MadeLine,
  Operation,
  ProviderCall,
  Resource,
  RunRecord,
  Statement,
  Workspace,
} from "./audit/record.js";

/** One that is restarted, one that is deleted, one that is a process, one in a container and one that was in one. */
export const WORKSPACES = [
  "aaaaaaaa-0000-4000-8000-000000000001",
  "bbbbbbbb-0000-4000-8000-000000000002",
  "cccccccc-0000-4000-8000-000000000003",
  "dddddddd-0000-4000-8000-000000000004",
  "eeeeeeee-0000-4000-8000-000000000005",
] as const;
const [RESTARTED, DELETED, PROCESS, CONTAINED, FREED] = WORKSPACES;
/** Both of the first workspace, that of the second. */
export const INSTANCES = ["i-1", "i-2", "i-3"] as const;
const [FIRST, SECOND, LONE] = INSTANCES;

/** Both of the workspace in a container, that of the one that was in one. */
export const CONTAINERS = ["c0ffee01".repeat(8), "c0ffee02".repeat(8), "c0ffee03".repeat(8)] as const;
const [OLDER, NEWER, FORMER] = CONTAINERS;

/** Where the place `ec2` is. */
const HERE = "123456789012:eu-west-1";

const labels = (owner: string, row: string, generation: number) => ({
  "berth.deployment": "chaos",
  "berth.workspace": owner,
  "berth.resource": row,
  "berth.generation": String(generation),
});

export function told(
  id: string,
  action: DockerEvent["action"],
  at: number,
  owner: string,
  row: string,
  generation = 1,
): DockerEvent {
  return { type: "container", at, action, id, labels: labels(owner, row, generation) };
}

export function toldOfVolume(owner: string, action: DockerEvent["action"], at: number): DockerEvent {
  return { type: "volume", at, action, id: `ws-${owner}`, labels: {} };
}

export function made(id: string, at: number, owner: string, row: string, generation?: number): MadeLine {
  const tags = { "berth:deployment": "chaos", "berth:workspace": owner, "berth:resource": row };
  return {
    at,
    id,
    where: HERE,
    tags: generation === undefined ? tags : { ...tags, "berth:generation": String(generation) },
  };
}

export function change(id: string, at: number, from: string | null, to: string): ChangeLine {
  return { at, id, from, to, reason: null };
}

export function ended(program: string, at: number): EndedLine {
  return { program, at, code: 1, signal: null };
}

export function call(changes: Partial<ClientCall>): ClientCall {
  return {
    client: "c",
    request: "c-1",
    attempt: 1,
    kind: "create",
    api: "api-1",
    workspace: null,
    asked: 1_000,
    answered: 1_050,
    status: 202,
    operation: null,
    cascade: null,
    code: null,
    ...changes,
  };
}

export function operation(
  id: string,
  workspace_id: string,
  ticket: number,
  kind: string,
  created_at: number,
  finished_at: number,
): Operation {
  const times = { created_at, started_at: created_at + 50, finished_at };
  const rest = { state: "succeeded", source: "api", generation: null, attempt: 1, takeovers: 0, error: null };
  return { id, workspace_id, ticket, kind, ...rest, ...times };
}

export function resource(
  id: string,
  workspace_id: string,
  kind: string,
  provider_id: string,
  created_at: number,
  releasing_at: number | null = null,
): Resource {
  const gone_at = releasing_at === null ? null : releasing_at + 300;
  const state = releasing_at === null ? "present" : "gone";
  const name = `ws-${workspace_id}`;
  return {
    id,
    workspace_id,
    place: "ec2",
    kind,
    backend: "ec2",
    name,
    provider_id,
    generation: 1,
    state,
    created_at,
    releasing_at,
    gone_at,
  };
}

function workspace(id: string, changes: Partial<Workspace>): Workspace {
  return {
    id,
    place: "ec2",
    name: `w-${id}`,
    parent_id: null,
    backend: "ec2",
    status: "online",
    status_reason: null,
    generation: 1,
    instance_id: null,
    created_at: 1_000,
    removed_at: null,
    ...changes,
  };
}

export function says(id: string, status: string, instance: string | null): Statement {
  return { id, status, reason: null, instance, generation: 1 };
}

/** A look at all instances of a place, which told of each. */
export function beat(place: string, at: number, counts: Beat["counts"] = {}): Beat {
  return {
    place,
    started_at: at,
    finished_at: at + 100,
    counts: { looked_at: 3, unknown: 0, contradicted: 0, ...counts },
    error: null,
  };
}

function asked(
  at: number,
  action: string,
  effect: string,
  params: ProviderCall["params"] = {},
): ProviderCall {
  return { at, action, key: "worker-1.0", params, outcome: "ok", effect };
}

const life = (id: string, from: number, until: number | null): ChangeLine[] => [
  change(id, from, null, "pending"),
  change(id, from + 50, "pending", "running"),
  ...(until === null
    ? []
    : [
        change(id, until, "running", "shutting-down"),
        change(id, until + 100, "shutting-down", "terminated"),
      ]),
];

/** A run in which all went well. */
export const SOUND: RunRecord = {
  about: {
    seed: 1,
    command: "npm run chaos",
    deployment: "chaos",
    agentSilentMs: 20_000,
    places: { ec2: HERE },
    withoutRoot: null,
    startedAt: 0,
    attackedAt: null,
    faultsEndedAt: 8_000,
    settledAt: 9_000,
    endedAt: 10_000,
  },
  faults: [{ id: 0, at: 1_000, until: 1_500, what: "redis flush", fault: { kind: "redis", how: "flush" } }],
  ended: [],
  calls: [
    call({ request: "c-1", kind: "create", workspace: RESTARTED, operation: "o1" }),
    call({
      request: "c-2",
      kind: "restart",
      workspace: RESTARTED,
      operation: "o2",
      asked: 1_900,
      answered: 2_000,
    }),
    call({ request: "c-3", kind: "create", workspace: DELETED, operation: "o3" }),
    call({
      request: "c-4",
      kind: "delete",
      workspace: DELETED,
      operation: "o4",
      asked: 3_900,
      answered: 3_950,
    }),
    call({ request: "c-5", kind: "create", workspace: PROCESS, operation: "o5" }),
    call({ request: "c-6", kind: "create", workspace: CONTAINED, operation: "o6" }),
    call({ request: "c-7", kind: "restart", workspace: CONTAINED, operation: "o7" }),
    call({ request: "c-8", kind: "create", workspace: FREED, operation: "o8" }),
    call({ request: "c-9", kind: "delete", workspace: FREED, operation: "o9" }),
  ],
  agents: [
    { at: 1_200, workspace: PROCESS, generation: 1, resource: "r6", what: "start", status: 0 },
    { at: 4_500, workspace: PROCESS, generation: 1, resource: "r6", what: "beat", status: 200 },
    { at: 1_320, workspace: CONTAINED, generation: 1, resource: OLDER, what: "start", status: 0 },
    { at: 2_400, workspace: CONTAINED, generation: 1, resource: OLDER, what: "end", status: 0 },
    { at: 3_320, workspace: CONTAINED, generation: 2, resource: NEWER, what: "start", status: 1 },
    { at: 1_320, workspace: FREED, generation: 1, resource: FORMER, what: "start", status: 0 },
  ],
  provider: {
    made: [
      made(FIRST, 1_200, RESTARTED, "r2", 1),
      made(SECOND, 3_200, RESTARTED, "r3", 2),
      made(LONE, 1_200, DELETED, "r5", 1),
      made("vol-1", 1_100, RESTARTED, "r1"),
      made("vol-2", 1_100, DELETED, "r4"),
    ],
    changes: [
      ...life(FIRST, 1_200, 2_900),
      ...life(SECOND, 3_200, null),
      ...life(LONE, 1_200, 4_000),
      change("vol-2", 4_190, "available", "deleting"),
    ],
    calls: [
      asked(1_300, "AttachVolume", `attaching vol-2 to ${LONE}`),
      asked(2_900, "TerminateInstances", `${FIRST} running -> shutting-down`),
      asked(4_000, "TerminateInstances", `${LONE} running -> shutting-down`),
      asked(4_200, "DeleteVolume", "deleting vol-2", { VolumeId: "vol-2" }),
    ],
    instances: [
      { id: FIRST, state: "terminated", tags: made(FIRST, 0, RESTARTED, "r2", 1).tags },
      { id: SECOND, state: "running", tags: made(SECOND, 0, RESTARTED, "r3", 2).tags },
      { id: LONE, state: "terminated", tags: made(LONE, 0, DELETED, "r5", 1).tags },
    ],
    volumes: [{ id: "vol-1", state: "in-use", tags: made("vol-1", 0, RESTARTED, "r1").tags }],
    names: [],
  },
  processes: { running: [{ pid: 7, workspace: PROCESS, generation: 1 }], volumes: [PROCESS] },
  docker: {
    events: [
      toldOfVolume(CONTAINED, "create", 1_100),
      told(OLDER, "create", 1_200, CONTAINED, "r8"),
      told(OLDER, "start", 1_300, CONTAINED, "r8"),
      told(OLDER, "die", 2_500, CONTAINED, "r8"),
      told(OLDER, "destroy", 2_600, CONTAINED, "r8"),
      told(NEWER, "create", 3_200, CONTAINED, "r9", 2),
      told(NEWER, "start", 3_300, CONTAINED, "r9", 2),
      toldOfVolume(FREED, "create", 1_100),
      told(FORMER, "create", 1_200, FREED, "r11"),
      told(FORMER, "start", 1_300, FREED, "r11"),
      told(FORMER, "die", 4_050, FREED, "r11"),
      told(FORMER, "destroy", 4_100, FREED, "r11"),
      toldOfVolume(FREED, "destroy", 4_200),
    ],
    requests: [
      { at: 2_400, method: "POST", path: `/containers/${OLDER}/stop` },
      { at: 2_550, method: "DELETE", path: `/containers/${OLDER}` },
      { at: 4_000, method: "POST", path: `/containers/${FORMER}/stop` },
      { at: 4_060, method: "DELETE", path: `/containers/${FORMER}` },
      { at: 4_180, method: "DELETE", path: `/volumes/ws-${FREED}` },
    ],
    containers: [{ id: NEWER, state: "running", labels: labels(CONTAINED, "r9", 2) }],
    volumes: [{ name: `ws-${CONTAINED}`, labels: { "berth.workspace": CONTAINED, "berth.resource": "r7" } }],
  },
  samples: [
    { at: 500, queued: 0, running: 0, obligations: 0, unsettled: 0, gates: [], rss: { "api-1": 100 } },
    { at: 2_500, queued: 1, running: 1, obligations: 2, unsettled: 1, gates: [], rss: { "api-1": 110 } },
  ],
  seen: [{ at: 2_000, tenant: "red", path: "/workspaces", ids: [RESTARTED] }],
  said: [
    {
      asked: 2_000,
      answered: 2_050,
      workspaces: [
        says(RESTARTED, "online", FIRST),
        says(DELETED, "online", LONE),
        says(PROCESS, "online", "7"),
        says(CONTAINED, "online", OLDER),
        says(FREED, "online", FORMER),
      ],
    },
    {
      asked: 4_500,
      answered: 4_550,
      workspaces: [
        { ...says(RESTARTED, "online", SECOND), generation: 2 },
        says(DELETED, "removed", null),
        { ...says(CONTAINED, "online", NEWER), generation: 2 },
        says(FREED, "removed", null),
      ],
    },
  ],
  beats: ["ec2", "docker", "process"].map((place) => beat(place, 6_000)),
  sql: {
    workspaces: [
      workspace(RESTARTED, { instance_id: SECOND, generation: 2, tenant: "red" }),
      workspace(DELETED, { status: "removed", removed_at: 3_900 }),
      workspace(PROCESS, { backend: "process", place: "process", instance_id: "7" }),
      workspace(CONTAINED, { backend: "docker", place: "docker", instance_id: NEWER, generation: 2 }),
      workspace(FREED, { backend: "docker", place: "docker", status: "removed", removed_at: 3_900 }),
    ],
    gates: [{ workspace_id: RESTARTED, head: 2, tail: 2, owner: null }],
    operations: [
      operation("o1", RESTARTED, 1, "provision", 1_000, 1_500),
      operation("o2", RESTARTED, 2, "restart", 2_000, 3_400),
      operation("o3", DELETED, 1, "provision", 1_000, 1_500),
      operation("o4", DELETED, 2, "delete", 3_900, 4_400),
      operation("o5", PROCESS, 1, "provision", 1_000, 1_500),
      operation("o6", CONTAINED, 1, "provision", 1_000, 1_500),
      operation("o7", CONTAINED, 2, "restart", 2_300, 3_400),
      operation("o8", FREED, 1, "provision", 1_000, 1_500),
      operation("o9", FREED, 2, "delete", 3_900, 4_400),
    ],
    resources: [
      resource("r1", RESTARTED, "volume", "vol-1", 1_050),
      resource("r2", RESTARTED, "instance", FIRST, 1_150, 2_850),
      resource("r3", RESTARTED, "instance", SECOND, 3_150),
      resource("r4", DELETED, "volume", "vol-2", 1_050, 3_900),
      resource("r5", DELETED, "instance", LONE, 1_150, 3_900),
      { ...resource("r6", PROCESS, "instance", "7", 1_150), backend: "process" },
      ...[
        resource("r7", CONTAINED, "volume", `ws-${CONTAINED}`, 1_050),
        resource("r8", CONTAINED, "instance", OLDER, 1_150, 2_350),
        { ...resource("r9", CONTAINED, "instance", NEWER, 3_150), generation: 2 },
        resource("r10", FREED, "volume", `ws-${FREED}`, 1_050, 3_930),
        resource("r11", FREED, "instance", FORMER, 1_150, 3_900),
      ].map((row) => ({ ...row, backend: "docker" })),
    ],
    events: [],
  },
  exposures: [],
};
