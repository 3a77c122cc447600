import { BACKENDS, type BackendName, hasCompute } from "../domain/backend.js";
import { AT_REST, HEARD, SHOULD_RUN, STARTING, UP, type Status } from "../domain/status.js";
import { IDLE } from "./idle-gates.js";
import type { Queryable, Tx } from "./pool.js";
import type { OpenResource } from "./resources.js";
import { wordList } from "./word-list.js";
import { tellStatus } from "./words.js";

/** A workspace that should run, with the ledger row of its instance. Ages in ms by the database's clock. */
export interface Checked {
  id: string;
  backend: string;
  place: string;
  status: Status;
  generation: number;
  readiness: string;
  heartbeat_ms_ago: number | null;
  contradicted: boolean;
  instance: OpenResource;
}

const ELSEWHERE = wordList(BACKENDS.filter((name) => !hasCompute(name)));

/**
 * Workspaces in these places that should run and have nothing to do, those checked longest ago first. `external` ones have no
 * instance in the ledger, and so aren't among them.
 */
export async function leastRecentlyChecked(
  db: Queryable,
  places: readonly string[],
  limit: number,
): Promise<Checked[]> {
  const { rows } = await db.query<Checked>(
    `select w.id, w.backend, w.place, w.status, w.generation, coalesce(w.spec ->> 'readiness', 'running') as readiness,
       floor(extract(epoch from clock_timestamp() - w.last_heartbeat_at) * 1000)::int8 as heartbeat_ms_ago,
       w.contradicted_at is not null as contradicted, 
       to_jsonb(r) || jsonb_build_object('asked_ms_ago', extract(epoch from clock_timestamp() - r.asked_at) * 1000) as instance
     from workspaces w join gates g on g.workspace_id = w.id
     join resources r on r.workspace_id = w.id and r.kind = 'instance' and r.state = 'present'
       and r.provider_id = w.instance_id
     where w.status in ${wordList(SHOULD_RUN)} and w.place = any ($1) and ${IDLE}
     order by w.last_checked_at nulls first, w.id limit $2`,
    [places, limit],
  );
  return rows;
}

/** Also those that couldn't be told for certain: the next run looks at others first. */
export async function noteChecked(tx: Queryable, ids: readonly string[]): Promise<void> {
  await tx.query("update workspaces set last_checked_at = clock_timestamp() where id = any ($1)", [ids]);
}

/**
 * What a provider has cleanly said: these instances don't run. Only of the incarnation that was looked at, and not where an
 * agent was heard within `freshMs`. Other words on one that is offline for this reason replace it. The caller has locked
 * the gates, with nothing to do.
 * @returns what each was before, of those that were changed
 */
export async function takeDeadOffline(
  tx: Tx,
  dead: readonly { id: string; generation: number; instance_id: string; reason: string }[],
  freshMs: number,
): Promise<Map<string, Status>> {
  if (dead.length === 0) return new Map();
  const { rows } = await tx.query<{ id: string; before: Status }>(
    `with dead as (
       select * from jsonb_to_recordset($1) as d (id uuid, generation int, instance_id text, reason text)
     ), known as (
       select w.id, w.status as before, d.reason from workspaces w join dead d using (id)
       where w.generation = d.generation and w.instance_id = d.instance_id and w.status in ${wordList(SHOULD_RUN)}
         and (w.status <> 'offline' or w.status_reason like 'instance\\_%' and w.status_reason <> d.reason)
         and (w.last_heartbeat_at is null
           or w.last_heartbeat_at < clock_timestamp() - $2 * interval '1 millisecond')
       order by w.id for no key update of w
     )
     update workspaces w set status = 'offline', status_reason = k.reason,
       next_restart_at = case when k.before = 'offline' then w.next_restart_at end
     from known k where w.id = k.id returning w.id, k.before`,
    [JSON.stringify(dead), freshMs],
  );
  tellStatus(tx, rows);
  return new Map(rows.map((row) => [row.id, row.before]));
}

/** A provider calls the instance dead while its agent beats; or (false) no longer does. */
export async function noteContradiction(tx: Tx, ids: readonly string[], stands: boolean): Promise<void> {
  await tx.query(
    `update workspaces set contradicted_at = case when $2 then clock_timestamp() end
     where id = any ($1) and (contradicted_at is not null) <> $2`,
    [ids, stands],
  );
}

/** How long ago its agent was last heard, in ms. Null: never in this generation. */
export async function heartbeatAge(db: Queryable, workspaceId: string): Promise<number | null> {
  const { rows } = await db.query<{ age_ms: number | null }>(
    `select floor(extract(epoch from clock_timestamp() - last_heartbeat_at) * 1000)::int8 as age_ms
     from workspaces where id = $1`,
    [workspaceId],
  );
  return rows[0]?.age_ms ?? null;
}

/** How many workspaces have an agent that should beat: what the silent ones are a share of. */
export async function countAgents(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    `select count(*) as n from workspaces
     where status in ${wordList(HEARD)} and (spec ->> 'readiness' = 'agent' or backend in ${ELSEWHERE})`,
  );
  return rows[0]!.n;
}

export interface Silent {
  id: string;
  place: string;
  status: Status;
  generation: number;
  silent_ms: number;
}

/**
 * Workspaces with an agent that has been heard in this generation, and not of late. One that is offline is
 * among them until its restart, which may have had to wait; an external one isn't, since nobody restarts it.
 */
export async function silentAgents(db: Queryable, silentMs: number, limit: number): Promise<Silent[]> {
  const { rows } = await db.query<Silent>(
    // Materialized: put together, every gate is read first, and its workspace looked up.
    `with silent as materialized (
       select w.id, w.place, w.status, w.generation, w.last_heartbeat_at from workspaces w
       where (w.status in ${wordList(HEARD)} and w.spec ->> 'readiness' = 'agent' and w.backend not in ${ELSEWHERE}
           or w.status in ${wordList(UP)} and w.backend in ${ELSEWHERE})
         and w.last_heartbeat_at < clock_timestamp() - $1 * interval '1 millisecond'
     )
     select w.id, w.place, w.status, w.generation,
       floor(extract(epoch from clock_timestamp() - w.last_heartbeat_at) * 1000)::int8 as silent_ms
     from silent w join gates g on g.workspace_id = w.id where ${IDLE}
     order by w.last_heartbeat_at, w.id limit $2`,
    [silentMs, limit],
  );
  return rows;
}

/**
 * Says of those that are up, idle and still silent in the same incarnation that they are offline. One whose agent beats is
 * online again by that. @returns what each was, of those that were changed
 */
export async function takeSilentOffline(
  tx: Tx,
  silent: readonly Pick<Silent, "id" | "generation">[],
  { silentMs, reason }: { silentMs: number; reason: string },
): Promise<Map<string, { status: Status; instance_id: string | null }>> {
  const { rows } = await tx.query<{ id: string; status: Status; instance_id: string | null }>(
    `with known as (
       select w.id, w.status, w.instance_id from workspaces w join gates g on g.workspace_id = w.id
       join unnest($1::uuid[], $2::int[]) as s (id, generation) on s.id = w.id and s.generation = w.generation
       where w.status in ${wordList(UP)} and ${IDLE}
         and w.last_heartbeat_at < clock_timestamp() - $3 * interval '1 millisecond'
       order by w.id for no key update of w
     )
     update workspaces w set status = 'offline', status_reason = $4, next_restart_at = null
     from known k where w.id = k.id returning w.id, k.status, k.instance_id`,
    [silent.map(({ id }) => id), silent.map(({ generation }) => generation), silentMs, reason],
  );
  tellStatus(tx, rows);
  return new Map(rows.map(({ id, ...was }) => [id, was]));
}

export interface Overdue {
  id: string;
  place: string;
  backend: BackendName;
  status: Status;
  generation: number;
  waited_ms: number;
}

/**
 * Workspaces that are about to be online for longer than they may, with nothing under way that would change
 * it; and how many are about to be online at all.
 */
export async function overdueStarts(
  db: Queryable,
  limits: { limitMs: number; listeningMs: number },
  limit: number,
): Promise<{ starting: number; overdue: Overdue[] }> {
  const { rows } = await db.query<Overdue>(
    `select * from (
       select w.id, w.place, w.backend, w.status, w.generation, w.last_checked_at,
         floor(extract(epoch from clock_timestamp() - greatest(w.created_at, w.last_launched_at,
           (select max(o.finished_at) from operations o where o.workspace_id = w.id))) * 1000)::int8 as waited_ms
       from workspaces w join gates g on g.workspace_id = w.id
       where w.status in ${wordList(STARTING)} and ${IDLE}
         and (w.status = 'awaiting_agent' or w.backend not in ${ELSEWHERE})
         and (w.status = 'provisioning' or $2::int8 > $1::int8)
     ) waiting where waited_ms > $1::int8 order by last_checked_at nulls first, id limit $3`,
    [limits.limitMs, limits.listeningMs, limit],
  );
  const { rows: all } = await db.query<{ n: number }>(
    `select count(*) as n from workspaces where status in ${wordList(STARTING)}`,
  );
  return { starting: all[0]!.n, overdue: rows };
}

/**
 * Workspaces whose agent says that it has been idle for longer than they may be, and that have no child which
 * still runs; by id, from `after` on. An agent that is silent says nothing.
 */
export async function idleWorkspaces(
  db: Queryable,
  freshMs: number,
  limit: number,
  which: { only?: string; after?: string | null } = {},
): Promise<{ id: string; idle_ms: number; allowed_ms: number }[]> {
  const { rows } = await db.query<{ id: string; idle_ms: number; allowed_ms: number }>(
    `select * from (
       select w.id, w.hibernate_after_minutes * 60000::int8 as allowed_ms,
         floor(extract(epoch from clock_timestamp() - greatest(w.last_active_at, w.last_launched_at)) * 1000)::int8 as idle_ms
       from workspaces w join gates g on g.workspace_id = w.id
       where w.status in ${wordList(UP)} and w.hibernate_after_minutes is not null and w.backend not in ${ELSEWHERE}
         and w.active_tasks = 0 and ($3::uuid is null or w.id = $3) and ($4::uuid is null or w.id > $4)
         and w.last_heartbeat_at > clock_timestamp() - $1 * interval '1 millisecond' and ${IDLE}
         and not exists (select 1 from workspaces child where child.parent_id = w.id
           and child.status not in ${wordList([...AT_REST, "failed"])})
     ) idle where idle_ms > allowed_ms order by id limit $2`,
    [freshMs, limit, which.only ?? null, which.after ?? null],
  );
  return rows;
}
