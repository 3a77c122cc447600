import type { Queryable } from "./pool.js";

/** One run of a sweep, in one place if it runs for each by itself. */
export interface SweepRun {
  /** The sweep's name; `<name>@<place>` where it runs for each place. */
  sweep: string;
  started_at: Date;
  /** Null: it goes on, or its worker died. */
  finished_at: Date | null;
  counts: Record<string, number>;
  error: string | null;
}

/** Its newest runs over all places, the newest first, as far as they are kept. */
export async function listSweepRuns(db: Queryable, name: string, limit: number): Promise<SweepRun[]> {
  const { rows } = await db.query<SweepRun>(
    `select r.* from sweeps s cross join lateral (
       select id, sweep, started_at, finished_at, coalesce(counts, '{}') as counts, error
       from sweep_runs where sweep = s.name order by id desc limit $2) r
     where s.name = $1 or starts_with(s.name, $1 || '@') order by r.id desc limit $2`,
    [name, limit],
  );
  return rows;
}
