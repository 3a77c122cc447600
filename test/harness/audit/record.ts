/**
 * All that is known of a run, from outside: what the provider did, what clients asked and were answered, what is in
 * the database. Times are ms since the epoch, by one clock.
 */
export interface RunRecord {
  about: About;
  faults: readonly FaultLine[];
  ended: readonly EndedLine[];
  calls: readonly ClientCall[];
  agents: readonly AgentLine[];
  provider: {
    made: readonly MadeLine[];
    changes: readonly ChangeLine[];
    calls: readonly ProviderCall[];
    /** What is there when all has settled. */
    instances: readonly { id: string; state: string; tags: Tags }[];
    volumes: readonly { id: string; state: string; tags: Tags }[];
    names: readonly string[];
  };
  /** What is there of the process backend when all has settled. */
  processes: {
    running: readonly { pid: number; workspace: string; generation: number }[];
    volumes: readonly string[];
  };
  /** Of the Docker daemon; empty where a run goes without. */
  docker: {
    /** As it told them. What it told just before it was killed may be missing. */
    events: readonly DockerEvent[];
    /** What Berth asked it to change, by its own log, which loses nothing. */
    requests: readonly DockerRequest[];
    /** What is there when all has settled, in any state. */
    containers: readonly { id: string; state: string; labels: Tags }[];
    volumes: readonly { name: string; labels: Tags }[];
  };
  samples: readonly Sample[];
  /** What `GET /workspaces` has answered, all the time. */
  said: readonly SaidLine[];
  /** What lists have shown to keys of tenants; none where a run has no tenants. */
  seen: readonly SeenLine[];
  /** Each run of the sweep that looks at instances, by the database's clock. */
  beats: readonly Beat[];
  sql: {
    workspaces: readonly Workspace[];
    gates: readonly { workspace_id: string; head: number; tail: number; owner: string | null }[];
    operations: readonly Operation[];
    resources: readonly Resource[];
    events: readonly Event[];
  };
  /** Where a secret was found: looked for while the files are read, since they are large. */
  exposures: readonly { where: string; excerpt: string }[];
}

/** Workspaces are named so whose image never comes. */
export const HANGING = "hanging-";
/** So are those of a tenant that means ill: what becomes of them is its own doing. */
export const HOSTILE = "hostile-";
/** Of a run with tenants; the last one means ill. */
export const TENANTS = ["red", "blue", "grey"] as const;
/** As which the second installation calls the provider. */
export const NEIGHBOUR = "neighbour";

export interface About {
  seed: number;
  command: string;
  deployment: string;
  agentSilentMs: number;
  /** Account and Region of each place of EC2. */
  places: Readonly<Record<string, string>>;
  /** Why it goes without the backend `docker`, full disks and wrong clocks, if it does. */
  withoutRoot: string | null;
  startedAt: number;
  /** When a tenant that means ill began; null: there was none. */
  attackedAt: number | null;
  faultsEndedAt: number;
  /** Null: it hadn't within the time that it was given. */
  settledAt: number | null;
  endedAt: number;
}

type Tags = Readonly<Record<string, string>>;

export interface FaultLine {
  id: number;
  at: number;
  until: number;
  what: string;
  fault: { kind: string; program?: string; link?: string; how?: string; of?: string; stepMs?: number };
  /** A killed worker: the gates that it held. */
  held?: readonly { workspace: string; head: number; fence: number }[];
  /** When the worker, or the Docker daemon, had ended. */
  killedAt?: number;
  /** What was ended behind Berth's back: an instance's or a container's id, or a process's marker. */
  struck?: { instance: string; workspace?: string } | null;
  /** Names of the volumes that were removed behind Berth's back. */
  pruned?: readonly string[];
}

/** A program that ended without having been killed by the harness. */
export interface EndedLine {
  at: number;
  program: string;
  code: number | null;
  signal: string | null;
}

/** One attempt of a client's request. */
export interface ClientCall {
  client: string;
  /** Also its Idempotency-Key: attempts of one request have the same. */
  request: string;
  attempt: number;
  kind: "create" | "restart" | "pause" | "resume" | "hibernate" | "delete" | "read" | "beat";
  api: string;
  workspace: string | null;
  asked: number;
  answered: number;
  /** 0: no answer came. */
  status: number;
  operation: string | null;
  cascade: number | null;
  code: string | null;
}

export interface AgentLine {
  at: number;
  workspace: string;
  generation: number;
  /** The row of the ledger that it was told to be. A container is told none, and gives its own id. */
  resource: string;
  /** `overlap`: another of its workspace still ran; `homeless`: its volume vanished while it ran. */
  what: "start" | "beat" | "end" | "overlap" | "homeless";
  /** Of a beat its answer's; of the start of a container how many its volume knew before. */
  status: number;
}

export interface DockerEvent {
  type: "container" | "volume";
  at: number;
  action: "create" | "start" | "die" | "destroy";
  /** Of a volume its name. */
  id: string;
  /** Of a container; a volume's aren't told. */
  labels: Tags;
}

export interface DockerRequest {
  /** When it came. */
  at: number;
  method: string;
  path: string;
}

export interface MadeLine {
  at: number;
  id: string;
  /** Account and Region. */
  where: string;
  tags: Tags;
}

export interface ChangeLine {
  at: number;
  id: string;
  from: string | null;
  to: string;
  reason: string | null;
}

export interface ProviderCall {
  at: number;
  action: string;
  /** Which start of which worker has called. */
  key: string | null;
  params: Readonly<Record<string, string>>;
  outcome: string;
  effect: string;
}

export interface Sample {
  at: number;
  queued: number;
  running: number;
  obligations: number;
  unsettled: number;
  gates: readonly { workspace: string; head: number; fence: number; owner: string | null }[];
  /** MB of each program. */
  rss: Readonly<Record<string, number>>;
}

/** One answer of Berth to what there is; it read that between the two times. */
export interface SaidLine {
  asked: number;
  answered: number;
  /** Those of which it says something else than in the answer before. */
  workspaces: readonly Statement[];
}

export interface Statement {
  id: string;
  status: string;
  reason: string | null;
  instance: string | null;
  generation: number;
}

export interface Beat {
  /** Null: it was of all places. */
  place: string | null;
  started_at: number;
  /** Null: its worker died. */
  finished_at: number | null;
  counts: Readonly<Record<string, number>>;
  error: string | null;
}

/** What a list has shown to a tenant's key. */
export interface SeenLine {
  at: number;
  tenant: string;
  path: string;
  /** Every id in it, of whatever. */
  ids: readonly string[];
}

export interface Workspace {
  id: string;
  /** Whose it is; absent or null: nobody's in particular. */
  tenant?: string | null;
  /** Where its instances are made. */
  place: string;
  name: string;
  parent_id: string | null;
  backend: string;
  status: string;
  status_reason: string | null;
  generation: number;
  instance_id: string | null;
  created_at: number;
  removed_at: number | null;
}

export interface Operation {
  id: string;
  workspace_id: string;
  ticket: number;
  kind: string;
  state: string;
  source: string;
  generation: number | null;
  attempt: number;
  takeovers: number;
  error: { code: string; message: string } | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

export interface Resource {
  id: string;
  workspace_id: string;
  place: string;
  kind: string;
  backend: string;
  name: string;
  provider_id: string | null;
  generation: number;
  state: string;
  created_at: number;
  releasing_at: number | null;
  gone_at: number | null;
}

export interface Event {
  event_type: string;
  workspace_id: string | null;
  operation_id: string | null;
  payload: Readonly<Record<string, unknown>>;
  created_at: number;
}
