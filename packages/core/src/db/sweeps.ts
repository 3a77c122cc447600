import type { Queryable } from "./pool.js";

/** Takes the lease of a sweep, so that one run at a time goes on over all workers. Null if another has it. */
export async function beginSweep(
  db: Queryable,
  name: string,
  owner: string,
  leaseMs: number,
): Promise<{ runId: number; cursor: string | null } | null> {
  const { rows } = await db.query<{ run_id: number; cursor: string | null }>(
    `with taken as (
       insert into sweeps as s (name, owner, lease_until)
       values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
       on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until
       where (s.lease_until is null or s.lease_until <= clock_timestamp()) and not s.paused
       returning cursor
     ), run as (insert into sweep_runs (sweep, owner) select $1, $2 from taken returning id)
     select run.id as run_id, taken.cursor from run, taken`,
    [name, owner, leaseMs],
  );
  return rows[0] === undefined ? null : { runId: rows[0].run_id, cursor: rows[0].cursor };
}

/** Records how a run ended and lets the next one begin. */
export async function endSweep(
  db: Queryable,
  run: { name: string; owner: string; runId: number },
  result: { counts: Record<string, number>; cursor: string | null; error: string | null },
): Promise<void> {
  await db.query(
    `with done as (
       update sweep_runs set finished_at = clock_timestamp(), counts = $4, error = $6 where id = $3
     )
     update sweeps set owner = null, lease_until = null, cursor = $5 where name = $1 and owner = $2`,
    [run.name, run.owner, run.runId, JSON.stringify(result.counts), result.cursor, result.error],
  );
}

/** How long ago, in ms by the database's clock, each sweep last began; absent if it never did. */
export async function sinceLastRun(db: Queryable): Promise<Map<string, number>> {
  const { rows } = await db.query<{ sweep: string; ms: number }>(
    `select sweep, floor(extract(epoch from clock_timestamp() - max(started_at)) * 1000)::int8 as ms
     from sweep_runs where started_at > clock_timestamp() - interval '1 day' group by sweep`,
  );
  return new Map(rows.map((row) => [row.sweep, row.ms]));
}

/** Drops the runs older than those that anyone asks about. */
export async function trimSweepRuns(db: Queryable, name: string, keep: number): Promise<void> {
  await db.query(
    `delete from sweep_runs where sweep = $1 and id < (
       select min(id) from (select id from sweep_runs where sweep = $1 order by id desc limit $2) newest)`,
    [name, keep],
  );
}
