import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type {
  Backend,
  InstanceRef,
  InstanceState,
  LogOptions,
  Logs,
  OwnedResource,
} from "@berth/core/compute/backend";
import { BackendError, volumeMissing } from "@berth/core/compute/backend-error";
import type { Pool } from "@berth/core/db/pool";
import { INSTALLATION } from "./installations.js";

/** How a recorded provider misbehaves. Times in ms, shares 0 to 1. */
export interface ProviderFaults {
  /** Each call takes up to this long. */
  latencyMs: number;
  /** Share of calls that fail before they have an effect. */
  failBefore: number;
  /** Share of calls whose effect comes about and whose answer is an error. */
  failAfter: number;
  random: () => number;
  /** What comes of a complete list or probe before it is answered; may throw, or never settle. */
  onList: (things: OwnedResource[]) => OwnedResource[] | Promise<OwnedResource[]>;
  onProbe: (
    states: Map<string, InstanceState>,
    instances: readonly InstanceRef[],
  ) => Map<string, InstanceState> | Promise<Map<string, InstanceState>>;
  /** What its programs wrote; may throw, or never settle. */
  onLogs: (instance: InstanceRef, options: LogOptions) => Logs | Promise<Logs>;
}

export interface RecordedBackend extends Backend {
  /** May be changed while it runs. */
  faults: ProviderFaults;
}

interface CallToRecord {
  workspaceId: string;
  call: string;
  generation: number | null;
  signal: AbortSignal;
}

/**
 * A provider that lives in two tables of the test's database, outlives every worker, and records when each
 * call began and ended: what the audit of I1 and I8 reads. It refuses nothing that a real one wouldn't, so
 * two instances of one workspace can exist if Berth asks for them.
 */
export async function createRecordedBackend(
  pool: Pool,
  faults: Partial<ProviderFaults> = {},
  deployment = "berth",
): Promise<RecordedBackend> {
  await pool.query(
    `create table if not exists provider_things (id text primary key, kind text not null, workspace_id uuid not null,
       generation int, removed_at timestamptz, deployment text not null default 'berth',
       installation text default '${INSTALLATION}',
       state text not null default 'running', created_at timestamptz not null default clock_timestamp());
     create table if not exists provider_calls (id bigint generated always as identity primary key,
       workspace_id uuid not null, call text not null, generation int, outcome text,
       began_at timestamptz not null default clock_timestamp(), ended_at timestamptz);`,
  );
  const live = "removed_at is null";
  const backend: RecordedBackend = {
    name: "process",
    settleMs: 0,
    identify: () => Promise.resolve(`recorded:${deployment}`),
    faults: {
      latencyMs: 0,
      failBefore: 0,
      failAfter: 0,
      random: Math.random,
      onList: (things) => things,
      onProbe: (states) => states,
      onLogs: () => ({ lines: [], cursor: null, truncated: false }),
      ...faults,
    },
    createVolume: (volume, { signal }) =>
      record({ ...volume, call: "createVolume", generation: null, signal }, async () => {
        const { workspaceId } = volume;
        const id = `vol-${workspaceId}`;
        if (volume.providerId !== null) {
          const known = await pool.query(`select 1 from provider_things where id = $1 and ${live}`, [id]);
          if (known.rowCount === 0) throw volumeMissing(volume);
          return { providerId: id };
        }
        await pool.query(
          `insert into provider_things (id, kind, workspace_id, deployment) values ($1, 'volume', $2, $3)
           on conflict (id) do update set removed_at = null, created_at = excluded.created_at
             where provider_things.removed_at is not null`,
          [id, workspaceId, deployment],
        );
        return { providerId: id };
      }),
    removeVolume: ({ workspaceId }, { signal }) =>
      record({ workspaceId, call: "removeVolume", generation: null, signal }, async () => {
        const { rowCount } = await pool.query(
          `select 1 from provider_things where workspace_id = $1 and kind = 'instance' and ${live}`,
          [workspaceId],
        );
        if (rowCount !== 0) return "in_use";
        await pool.query(
          `update provider_things set removed_at = clock_timestamp() where workspace_id = $1 and kind = 'volume'`,
          [workspaceId],
        );
        return "gone";
      }),
    launch: ({ instance }, { signal }) =>
      record({ ...instance, call: "launch", signal }, async () => {
        const found = await find(instance);
        if (found !== undefined) return { providerId: found, url: null };
        const id = `i-${randomUUID()}`;
        await pool.query(
          `insert into provider_things (id, kind, workspace_id, generation, deployment)
           values ($1, 'instance', $2, $3, $4)`,
          [id, instance.workspaceId, instance.generation, deployment],
        );
        return { providerId: id, url: null };
      }),
    stop: (instance, { signal }) =>
      record({ ...instance, call: "stop", signal }, async () => {
        const id = instance.providerId ?? (await find(instance));
        if (id !== undefined)
          await pool.query("update provider_things set removed_at = clock_timestamp() where id = $1", [id]);
        return "gone" as const;
      }),
    async probe(instances) {
      const { rows } = await pool.query<{ n: number; state: InstanceState | null }>(
        `select i.n, (select t.state from provider_things t where t.kind = 'instance' and ${live}
           and (i.id is null or t.id = i.id) and t.workspace_id = i.workspace_id and t.generation = i.generation
           limit 1) as state
         from unnest($1::text[], $2::uuid[], $3::int[]) with ordinality as i (id, workspace_id, generation, n)`,
        [
          instances.map((one) => one.providerId),
          instances.map((one) => one.workspaceId),
          instances.map((one) => one.generation),
        ],
      );
      const states = new Map(rows.map((row) => [instances[row.n - 1]!.resourceId, row.state ?? "gone"]));
      return backend.faults.onProbe(states, instances);
    },
    async listOwned() {
      return backend.faults.onList((await listAll()).filter(({ installation }) => !isOther(installation)));
    },
    async listLookalikes() {
      return (await listAll()).filter(({ installation }) => isOther(installation));
    },
    async logs(instance, options) {
      return backend.faults.onLogs(instance, options);
    },
    async close() {},
  };

  async function listAll(): Promise<OwnedResource[]> {
    const { rows } = await pool.query<{
      id: string;
      kind: "instance" | "volume";
      workspace_id: string;
      generation: number | null;
      state: InstanceState;
      installation: string | null;
      created_at: Date;
    }>(`select * from provider_things where ${live} and deployment = $1 order by created_at, id`, [
      deployment,
    ]);
    return rows.map((row) => ({
      kind: row.kind,
      providerId: row.id,
      name: `ws-${row.workspace_id}`,
      workspaceId: row.workspace_id,
      generation: row.generation,
      installation: row.installation,
      createdAt: row.created_at,
      state: row.state,
    }));
  }

  async function find(instance: InstanceRef): Promise<string | undefined> {
    const { rows } = await pool.query<{ id: string }>(
      `select id from provider_things where kind = 'instance' and ${live}
         and ($1::text is null or id = $1) and workspace_id = $2 and generation = $3`,
      [instance.providerId, instance.workspaceId, instance.generation],
    );
    return rows[0]?.id;
  }

  async function record<T>(
    { workspaceId, call, generation, signal }: CallToRecord,
    effect: () => Promise<T>,
  ): Promise<T> {
    const { latencyMs, failBefore, failAfter, random } = backend.faults;
    const { rows } = await pool.query<{ id: number }>(
      "insert into provider_calls (workspace_id, call, generation) values ($1, $2, $3) returning id",
      [workspaceId, call, generation],
    );
    const pause = (outcome: string) =>
      delay(random() * latencyMs, undefined, { signal }).catch(async (cause: unknown) => {
        await end(outcome);
        throw new BackendError("aborted", "transient", "the call was given up", { cause });
      });
    const end = (outcome: string) =>
      pool.query("update provider_calls set outcome = $2, ended_at = clock_timestamp() where id = $1", [
        rows[0]!.id,
        outcome,
      ]);
    await pause("aborted before");
    if (random() < failBefore) {
      await end("failed before");
      throw new BackendError("backend_failed", "transient", "the provider failed before it did anything");
    }
    const result = await effect();
    await pause("aborted after");
    if (random() < failAfter) {
      await end("failed after");
      throw new BackendError("backend_failed", "transient", "the provider's answer was lost");
    }
    await end("ok");
    return result;
  }
  return backend;
}

/** Pairs of calls of one workspace that were under way at the same moment: there must be none (I1). */
export async function overlappingCalls(pool: Pool): Promise<unknown[]> {
  const { rows } = await pool.query(
    `select a.workspace_id, a.call as first, b.call as second, a.began_at, a.ended_at, b.began_at as second_began
     from provider_calls a join provider_calls b on a.workspace_id = b.workspace_id and a.id < b.id
     where b.began_at < coalesce(a.ended_at, 'infinity') limit 10`,
  );
  return rows;
}

/** Live instances and volumes at the provider. */
export async function liveThings(pool: Pool): Promise<{ kind: string; workspace_id: string }[]> {
  const { rows } = await pool.query<{ kind: string; workspace_id: string }>(
    "select kind, workspace_id from provider_things where removed_at is null order by workspace_id, kind",
  );
  return rows;
}

function isOther(installation: string | null): boolean {
  return installation !== null && installation !== INSTALLATION;
}
