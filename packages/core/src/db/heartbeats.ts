import { SHOULD_RUN } from "../domain/status.js";
import { type AgentNote, KEEP_NOTES } from "./agents.js";
import type { Queryable } from "./pool.js";
import { EVENTS_CHANNEL, tellAfterCommit, tellStatus } from "./words.js";

export interface Beat {
  workspaceId: string;
  /** SHA-256 of the token that came with it. */
  tokenHash: Buffer;
  /** Absent figures stay as they were. */
  activeTasks?: number | undefined;
  /** 0 to 1. */
  errorRate?: number | undefined;
  uptimeSeconds?: number | undefined;
  /** Absent: it says nothing of this. */
  note?: AgentNote | undefined;
}

/** From this error rate on a workspace is degraded. */
export const DEGRADED_AT = 0.5;

/** How a beat was taken. `generation` is the workspace's current one; null if there is no such workspace. */
export interface Taken {
  accepted: boolean;
  generation: number | null;
  status: string | null;
}

/**
 * Takes beats of different workspaces in one statement, in the order given: who they say they are is checked
 * in it, so that a token revoked a moment ago counts no more. What changes a status goes one way, with its
 * event; what doesn't, the other, where no trigger fires and no version is made.
 */
export async function takeBeats(db: Queryable, beats: readonly Beat[]): Promise<Taken[]> {
  const { rows } = await db.query<Taken & { turned: boolean; id: string }>(
    `with beat as (
       select * from unnest($1::uuid[], $2::bytea[], $3::int[], $4::real[], $5::float8[], $7::jsonb[])
         with ordinality as b (id, hash, active, errors, uptime, note, n)
     ), known as (
       select b.*, w.status as before, w.generation, coalesce(w.token_hash = b.hash, false) as accepted,
         coalesce(b.active, w.active_tasks) as now_active, coalesce(b.errors, w.error_rate) as now_errors
       from beat b join workspaces w on w.id = b.id order by w.id for no key update of w
     ), judged as (
       select *, case
         when before = any ($6)
           then case when now_errors >= ${DEGRADED_AT} then 'degraded' else 'online' end
         else before end as after
       from known where accepted
     ), quiet as (
       update workspaces w set last_heartbeat_at = now(), active_tasks = j.now_active,
         error_rate = j.now_errors, uptime_seconds = coalesce(j.uptime, w.uptime_seconds),
         last_active_at = case when j.now_active > 0 or w.last_heartbeat_at is null then now() else w.last_active_at end
       from judged j where w.id = j.id and j.after = j.before
     ), turned as (
       update workspaces w set last_heartbeat_at = now(), active_tasks = j.now_active,
         error_rate = j.now_errors, uptime_seconds = coalesce(j.uptime, w.uptime_seconds),
         last_active_at = case when j.now_active > 0 or w.last_heartbeat_at is null then now() else w.last_active_at end,
         status = j.after, status_reason = case when j.after = 'degraded' then 'its agent reports errors' end
       from judged j where w.id = j.id and j.after <> j.before
       returning w.id, j.before, j.after, j.now_errors, w.generation
     ), told as (
       insert into structure_events (event_type, workspace_id, payload)
       select 'workspace.' || after, id, jsonb_build_object('from', before, 'requested_by', 'agent', 'generation', generation,
         'error_rate', now_errors)
       from turned order by id
     ), noted as (
       ${KEEP_NOTES}
     )
     select b.n, coalesce(k.accepted, false) as accepted, k.generation, coalesce(j.after, k.before) as status,
       coalesce(j.after <> j.before, false) as turned, b.id, set_config('berth.told', 'after', true)
     from beat b left join known k on k.n = b.n left join judged j on j.n = b.n order by b.n`,
    [
      beats.map((beat) => beat.workspaceId),
      beats.map((beat) => beat.tokenHash),
      beats.map((beat) => beat.activeTasks ?? null),
      beats.map((beat) => beat.errorRate ?? null),
      beats.map((beat) => beat.uptimeSeconds ?? null),
      SHOULD_RUN,
      beats.map((beat) => (beat.note === undefined ? null : JSON.stringify(beat.note))),
    ],
  );
  const turned = rows.filter((row) => row.turned);
  if (turned.length > 0) tellAfterCommit(db, EVENTS_CHANNEL, [""]);
  tellStatus(db, turned);
  return rows.map(({ accepted, generation, status }) => ({ accepted, generation, status }));
}

/**
 * Says that this process takes heartbeats. One that was silent for `goneMs` is taken to have been away in
 * between: it begins to listen anew.
 */
export async function noteListening(db: Queryable, owner: string, goneMs: number): Promise<void> {
  await db.query(
    `insert into heartbeat_listeners as l (owner, listening_since, seen_at)
       values ($1, clock_timestamp(), clock_timestamp())
     on conflict (owner) do update set seen_at = clock_timestamp(),
       listening_since = case when l.seen_at < clock_timestamp() - $2 * interval '1 millisecond'
         then clock_timestamp() else l.listening_since end`,
    [owner, goneMs],
  );
}

export async function forgetListener(db: Queryable, owner: string): Promise<void> {
  await db.query("delete from heartbeat_listeners where owner = $1", [owner]);
}

/** For how long, in ms, heartbeats have been taken without a break; null if nobody takes them now. */
export async function listeningFor(db: Queryable, goneMs: number): Promise<number | null> {
  const { rows } = await db.query<{ ms: number | null }>(
    `select floor(extract(epoch from clock_timestamp() - min(listening_since)) * 1000)::int8 as ms
     from heartbeat_listeners where seen_at > clock_timestamp() - $1 * interval '1 millisecond'`,
    [goneMs],
  );
  return rows[0]?.ms ?? null;
}
