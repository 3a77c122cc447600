import type { Queryable } from "./pool.js";

/** What a sweep wants to do, and why. */
export interface Intent {
  key: string;
  what: string;
  why: string;
}

/** What the breaker holds back. */
export interface Held {
  at: string;
  looked_at: number;
  would_act: number;
  actions: Intent[];
}

/** An operator's yes to the acts that were held when it was given, and to no others. Good for a day. */
export interface Approval {
  by: string;
  at: string;
  keys: string[];
}

export interface BegunRun {
  runId: number;
  cursor: string | null;
  held: Held | null;
  approval: Approval | null;
  /** When the last run ended before this one, in ms by the database's clock; null if none ever did. */
  sinceLastEndMs: number | null;
}

/**
 * Takes the lease of a sweep, so that one run at a time goes on over all workers.
 * @returns null if another has it, or an operator has paused the sweep.
 */
export async function beginSweep(
  db: Queryable,
  want: { name: string; owner: string; leaseMs: number; everyMs: number | null },
): Promise<BegunRun | null> {
  const { rows } = await db.query<{
    run_id: number;
    cursor: string | null;
    held: Held | null;
    approval: Approval | null;
    since_ms: number | null;
  }>(
    `with run as (select nextval(pg_get_serial_sequence('sweep_runs', 'id')) as id),
     taken as (
       insert into sweeps as s (name, owner, lease_until, run_id, every_ms, last_started_at)
       select $1, $2, clock_timestamp() + $3 * interval '1 millisecond', run.id, $4, clock_timestamp() from run
       on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until,
         run_id = excluded.run_id, every_ms = coalesce(excluded.every_ms, s.every_ms),
         last_started_at = excluded.last_started_at
       where (s.lease_until is null or s.lease_until <= clock_timestamp()) and not s.paused
       returning run_id, cursor, held,
         case when (approval ->> 'at')::timestamptz > clock_timestamp() - interval '1 day' then approval end as approval,
         floor(extract(epoch from clock_timestamp() - last_finished_at) * 1000)::int8 as since_ms
     ), noted as (
       insert into sweep_runs (id, sweep, owner) overriding system value
       select run_id, $1, $2 from taken
     )
     select * from taken`,
    [want.name, want.owner, want.leaseMs, want.everyMs],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { run_id: runId, since_ms: sinceLastEndMs, ...rest } = row;
  return { runId, sinceLastEndMs, ...rest };
}

/** Keeps a run's lease alive. False if another run has begun: this one counts no more. */
export async function renewSweep(
  db: Queryable,
  run: { name: string; runId: number },
  leaseMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update sweeps set lease_until = clock_timestamp() + $3 * interval '1 millisecond'
     where name = $1 and run_id = $2 and owner is not null`,
    [run.name, run.runId, leaseMs],
  );
  return rowCount === 1;
}

/** Records what the breaker holds, and since when; null: nothing any more. */
export async function setHeld(db: Queryable, name: string, held: Omit<Held, "at"> | null): Promise<void> {
  await db.query(
    `update sweeps set held = case when $2::jsonb is not null
       then jsonb_build_object('at', coalesce(held -> 'at', to_jsonb(clock_timestamp()))) || $2 end
     where name = $1`,
    [name, held === null ? null : JSON.stringify(held)],
  );
}

/** Records how a run ended and lets the next one begin. Nothing of a run that has lost its lease counts. */
export async function endSweep(
  db: Queryable,
  run: { name: string; runId: number },
  result: { counts: Record<string, number>; cursor: string | null; error: string | null },
): Promise<void> {
  await db.query(
    `with done as (
       update sweep_runs set finished_at = clock_timestamp(), counts = $3, error = $5 where id = $2
     )
     update sweeps set owner = null, lease_until = null, cursor = $4, last_finished_at = clock_timestamp(),
       last_success_at = case when $5::text is null then clock_timestamp() else last_success_at end,
       last_counts = $3, last_error = $5
     where name = $1 and run_id = $2`,
    [run.name, run.runId, JSON.stringify(result.counts), result.cursor, result.error],
  );
}

/**
 * Notes which sweeps this deployment's workers run and how often, so that one that never runs is missed. `everyMs` null:
 * a worker's settings pause it, so that it isn't missed, until another worker runs it.
 */
export async function registerSweeps(
  db: Queryable,
  sweeps: readonly { name: string; everyMs: number | null }[],
): Promise<void> {
  await db.query(
    `insert into sweeps as s (name, every_ms) select * from unnest($1::text[], $2::int[])
     on conflict (name) do update set every_ms = excluded.every_ms where s.every_ms is distinct from excluded.every_ms`,
    [sweeps.map((one) => one.name), sweeps.map((one) => one.everyMs)],
  );
}

/** How long ago, in ms by the database's clock, each sweep last began; absent if it never did. */
export async function sinceLastRun(db: Queryable): Promise<Map<string, number>> {
  const { rows } = await db.query<{ name: string; ms: number }>(
    `select name, floor(extract(epoch from clock_timestamp() - last_started_at) * 1000)::int8 as ms
     from sweeps where last_started_at is not null`,
  );
  return new Map(rows.map((row) => [row.name, row.ms]));
}

/** A sweep as an operator sees it. Times in ms are by the database's clock. */
export interface SweepState {
  name: string;
  every_ms: number | null;
  running: boolean;
  paused: boolean;
  paused_by: string | null;
  held: Held | null;
  approval: Approval | null;
  last_started_at: Date | null;
  last_finished_at: Date | null;
  last_success_at: Date | null;
  last_duration_ms: number | null;
  last_counts: Record<string, number>;
  last_error: string | null;
  /** Since the last end of a run; since its registration if none ever ended. */
  quiet_ms: number;
}

export async function listSweepStates(db: Queryable): Promise<SweepState[]> {
  const { rows } = await db.query<SweepState>(
    `select name, every_ms, coalesce(lease_until > clock_timestamp(), false) as running, paused, paused_by, held,
       approval, last_started_at, last_finished_at, last_success_at, last_counts, last_error,
       case when last_finished_at >= last_started_at
         then round(extract(epoch from last_finished_at - last_started_at) * 1000)::int8 end as last_duration_ms,
       floor(extract(epoch from clock_timestamp() - coalesce(last_finished_at, registered_at)) * 1000)::int8 as quiet_ms
     from sweeps order by name`,
  );
  return rows;
}

/** The act for one workspace that a breaker holds back. */
export interface HeldFor {
  sweep: string;
  since: string;
  what: string;
}

/** What the breakers hold of a workspace. */
export async function heldFor(db: Queryable, workspaceId: string): Promise<HeldFor[]> {
  const { rows } = await db.query<HeldFor>(
    `select split_part(s.name, '@', 1) as sweep, s.held ->> 'at' as since, a ->> 'what' as what
     from sweeps s cross join jsonb_array_elements(s.held -> 'actions') a
     where s.held is not null and $1::text = any (string_to_array(a ->> 'key', '/')) order by s.name`,
    [workspaceId],
  );
  return rows;
}

/** Lets the acts that are held now run, in each place or in the one given. Null if nothing is held. */
export async function approveHeld(
  db: Queryable,
  name: string,
  place: string | null,
  by: string,
): Promise<Approval | null> {
  const { rows } = await db.query<{ approval: Approval }>(
    `update sweeps set approval = jsonb_build_object('by', $3::text, 'at', clock_timestamp(),
       'keys', jsonb_path_query_array(held, '$.actions[*].key'))
     where held is not null
       and case when $2::text is null then split_part(name, '@', 1) = $1 else name = $1 || '@' || $2 end
     returning approval`,
    [name, place, by],
  );
  const [first] = rows;
  return first === undefined
    ? null
    : { ...first.approval, keys: rows.flatMap(({ approval }) => approval.keys) };
}

/** Pauses a sweep, or lets it run again. What runs ends its run. */
export async function setPaused(db: Queryable, name: string, paused: boolean, by: string): Promise<void> {
  await db.query(
    `insert into sweeps (name, paused, paused_by) values ($1, $2, $3)
     on conflict (name) do update set paused = excluded.paused, paused_by = excluded.paused_by`,
    [name, paused, paused ? by : null],
  );
}

/** Drops the runs of each sweep, and of each place's, that are older than those that anyone asks about. */
export async function trimSweepRuns(db: Queryable, keep: number): Promise<void> {
  await db.query(
    `delete from sweep_runs r using sweeps s, lateral (
       select id from sweep_runs where sweep = s.name order by id desc offset $1 limit 1) oldest
     where r.sweep = s.name and r.id <= oldest.id`,
    [keep],
  );
}
