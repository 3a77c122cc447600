import { randomUUID } from "node:crypto";
import { createLogger } from "@berth/core/base/logger";
import { waitingHeads } from "@berth/core/db/gate-looks";
import { noteListening, takeBeats } from "@berth/core/db/heartbeats";
import type { Pool } from "@berth/core/db/pool";
import { getWorkspace, type Workspace } from "@berth/core/db/workspaces";
import { listEvents, type StructureEvent } from "@berth/core/db/events";
import type { SweepName } from "@berth/core/domain/sweep";
import type { Dispatcher } from "@berth/core/gate/dispatcher";
import { createGate } from "@berth/core/gate/gate";
import { createLeaseKeeper } from "@berth/core/gate/lease";
import { type CreateInput, createWorkspace } from "@berth/core/requests/create";
import { createRunner } from "@berth/core/operations/runner";
import { SWEEPS } from "@berth/core/sweeps/all";
import { runSweep } from "@berth/core/sweeps/run";
import { settingsOf } from "@berth/core/sweeps/settings";
import type { SweepDeps, SweepSettings } from "@berth/core/sweeps/sweep";
import { readConfig } from "@berth/core/config/config";
import { BY_TEST, fleetEnvironment, newWorkspace } from "../support/fleet.js";
import { createTestDatabase } from "../support/postgres.js";
import { createRecordedBackend, type RecordedBackend } from "../support/recorded-backend.js";
import { virtualTime, type VirtualTime } from "../support/virtual-time.js";
import { INSTALLATION } from "../support/installations.js";

export const NOTHING = "00000000-0000-0000-0000-000000000000";

/** One database with a clock of its own, one recorded provider, one worker without any queue. */
export interface Stage {
  pool: Pool;
  /** The same database by the real clock. */
  realTime: Pool;
  time: VirtualTime;
  backend: RecordedBackend;
  /** One by the name of `ec2`; its things are of deployment `berth-cloud`. */
  cloud: RecordedBackend;
  deps: SweepDeps;
  settings: SweepSettings;
  /** Runs a sweep once, as a worker would. */
  run(name: SweepName, deps?: Partial<SweepDeps>): Promise<Record<string, number> | null>;
  /** Runs every operation whose turn has come, to its end or its backoff. */
  settle(): Promise<void>;
  /** Claims the operation with this ticket and runs it. */
  carryOut(workspaceId: string, ticket: number): Promise<void>;
  /** A workspace that is online, with an instance and a volume. */
  online(extra?: Partial<CreateInput>): Promise<Workspace>;
  /** One whose agent has just beaten. */
  withAgent(extra?: Partial<ReturnType<typeof newWorkspace>>): Promise<Workspace>;
  workspace(id: string): Promise<Workspace>;
  /** The agent of the workspace beats now. */
  beat(id: string, activeTasks?: number): Promise<void>;
  /** An API process says that it listens. */
  listen(): Promise<void>;
  /** One has listened for a day, and does. */
  listened(): Promise<void>;
  /** The workspaces whose jobs were woken. */
  woken: string[];
  /** Something at the provider with our label that nothing claims. */
  leak(thing?: {
    workspaceId?: string;
    kind?: "instance" | "volume";
    ageMs?: number;
    deployment?: string;
    /** Null: it names none, as things from before installations had ids. */
    installation?: string | null;
  }): Promise<string>;
  /** Ends an instance behind Berth's back. */
  kill(instanceId: string): Promise<void>;
  /** Ids of what the provider still has. */
  things(): Promise<string[]>;
  eventTypes(workspaceId?: string): Promise<string[]>;
  events(): Promise<StructureEvent[]>;
  /** Everything but the schema is forgotten. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** `waitMs`: how long, in real time, an instance may take to run or to be gone. */
export async function openStage(env: Readonly<Record<string, string>> = {}, waitMs = 20_000): Promise<Stage> {
  const database = await createTestDatabase();
  const time = await virtualTime(database);
  const { pool } = time;
  const config = readConfig("worker", {
    ...fleetEnvironment(database.url, null),
    BERTH_RETRY_DELAY_MS: "1000",
    BERTH_RETRY_MAX_DELAY_MS: "30000",
    BERTH_RETRY_ATTEMPTS: "2",
    ...env,
  });
  const logger = createLogger(config, "test");
  const backend = await createRecordedBackend(pool);
  // Its things are listed apart, so that both kinds of backend are told from each other.
  const cloud: RecordedBackend = {
    ...(await createRecordedBackend(pool, {}, "berth-cloud")),
    name: "ec2" as never,
  };
  const woken: string[] = [];
  const dispatcher: Dispatcher = {
    add: () => Promise.resolve(),
    async wake(operation) {
      woken.push(operation.workspace_id);
      return true;
    },
    promote: () => Promise.resolve(true),
  };
  const gate = createGate({ pool, dispatcher, owner: "stage/p1", leaseMs: config.leaseMs });
  const leases = createLeaseKeeper({ renew: gate.renew, leaseMs: config.leaseMs, onError: () => undefined });
  const settings = settingsOf(config);
  const shared = {
    pool,
    gate,
    leases,
    backends: new Map<string, RecordedBackend>([
      ["process", backend],
      ["ec2", cloud],
    ]),
    limits: { startTimeoutMs: waitMs, stopTimeoutMs: waitMs, publicUrl: "", deploymentId: "berth" },
    retry: { delayMs: config.retryDelayMs, maxDelayMs: config.retryMaxDelayMs, jitter: 0 },
    restartPause: { delayMs: 30_000, maxDelayMs: config.restartLongestPauseMs, jitter: 0 },
    random: () => 0,
    logger,
  };
  const deps: SweepDeps = {
    ...shared,
    dispatcher,
    maxAttempts: config.retryAttempts,
    autoRestart: {
      debounceMs: config.restartDebounceMs,
      limit: config.autoRestartLimit,
      windowMs: config.autoRestartWindowMs,
      backoff: { delayMs: 30_000, maxDelayMs: 600_000, jitter: 0 },
      giveUpAfterMs: config.restartGiveUpMs,
    },
    settings,
    signal: new AbortController().signal,
  };
  const run = createRunner({
    ...shared,
    attemptTimeoutMs: 60_000,
    maxTakeovers: 20,
    secret: "stage",
    secretSources: { directory: null, variables: {}, accountPrefix: null },
  });
  const shutdown = new AbortController().signal;

  const workspace = async (id: string) => (await getWorkspace(pool, id))!;
  const settle = async (): Promise<void> => {
    for (;;) {
      const due = (await waitingHeads(pool, NOTHING, 1_000)).filter(
        (head) => (head.backoff_for_ms ?? 0) <= 0,
      );
      if (due.length === 0) return;
      await Promise.all(
        due.map(async (head) => {
          const claimed = await gate.claim(head.workspace_id, head.ticket);
          if (claimed !== null) await run(claimed, shutdown);
        }),
      );
    }
  };
  const carryOut = async (workspaceId: string, ticket: number): Promise<void> => {
    const claimed = await gate.claim(workspaceId, ticket);
    if (claimed === null) throw new Error(`ticket ${ticket} of ${workspaceId} isn't next`);
    await run(claimed, shutdown);
  };
  const online = async (extra: Partial<CreateInput> = {}): Promise<Workspace> => {
    const made = await createWorkspace(deps, { ...newWorkspace(), ...extra }, BY_TEST);
    await settle();
    return workspace(made.workspace.id);
  };
  const beat = async (id: string, activeTasks = 0): Promise<void> => {
    const { rows } = await pool.query<{ token_hash: Buffer }>(
      "select token_hash from workspaces where id = $1",
      [id],
    );
    await takeBeats(pool, [{ workspaceId: id, tokenHash: rows[0]!.token_hash, activeTasks, errorRate: 0 }]);
  };
  const events = () => listEvents(pool, { limit: 100_000 });

  return {
    pool,
    realTime: database.pool,
    time,
    backend,
    cloud,
    deps,
    settings,
    settle,
    carryOut,
    online,
    workspace,
    beat,
    events,
    run: (name, other = {}) =>
      runSweep(
        SWEEPS.find((sweep) => sweep.name === name)!,
        { ...deps, ...other },
        "stage",
        60_000,
      ),
    async withAgent(extra = {}) {
      const { id } = await online({ ...extra, spec: { command: ["true"], readiness: "agent" as never } });
      await beat(id);
      return workspace(id);
    },
    woken,
    listen: () => noteListening(pool, "api", 30_000),
    async listened() {
      await noteListening(pool, "api", 30_000);
      await pool.query(
        "update heartbeat_listeners set listening_since = clock_timestamp() - interval '1 day' where owner = 'api'",
      );
    },
    async leak({
      workspaceId = randomUUID(),
      kind = "instance",
      ageMs = 0,
      deployment = "berth",
      installation = INSTALLATION,
    } = {}) {
      const id = kind === "instance" ? `i-${randomUUID()}` : `vol-${randomUUID()}`;
      await pool.query(
        `insert into provider_things (id, kind, workspace_id, generation, deployment, created_at, installation)
         values ($1, $2, $3, case when $2 = 'instance' then 1 end, $4, clock_timestamp() - $5 * interval '1 millisecond', $6)`,
        [id, kind, workspaceId, deployment, ageMs, installation],
      );
      return id;
    },
    async kill(instanceId) {
      await pool.query("update provider_things set removed_at = clock_timestamp() where id = $1", [
        instanceId,
      ]);
    },
    async things() {
      const { rows } = await pool.query<{ id: string }>(
        "select id from provider_things where removed_at is null order by id",
      );
      return rows.map((row) => row.id);
    },
    async eventTypes(workspaceId) {
      return (await events())
        .filter((event) => workspaceId === undefined || event.workspace_id === workspaceId)
        .map((event) => event.event_type);
    },
    async clear() {
      const well = {
        failBefore: 0,
        failAfter: 0,
        onList: (things: never) => things,
        onProbe: (states: never) => states,
      };
      Object.assign(backend.faults, well);
      Object.assign(cloud.faults, well);
      woken.length = 0;
      await pool.query("drop function if exists poison() cascade");
      await pool.query(
        `truncate workspaces, agents, gates, operations, resources, structure_events, sweeps, sweep_runs, sightings,
           heartbeat_listeners, provider_things, provider_calls, bulk_operations, bulk_items, place_sharers`,
      );
      // Where a drain led to, and the place that it was of.
      await pool.query(`delete from places where name = 'elsewhere';
        update places set cordoned = false, draining_since = null, draining_by = null`);
    },
    async close() {
      leases.close();
      await time.close();
      await database.drop();
    },
  };
}
