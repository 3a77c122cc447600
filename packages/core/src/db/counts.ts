import type { Queryable } from "./pool.js";

/** Operations that are unfinished, and those that ended within the last hour: what an index finds. */
export async function countOperations(
  db: Queryable,
): Promise<{ unfinished: OperationCount[]; ended: OperationCount[] }> {
  const { rows } = await db.query<OperationCount & { ended: boolean }>(
    `select kind, state, count(*)::int as n, false as ended from operations
       where state in ('queued', 'running') group by kind, state
     union all
     select kind, state, count(*)::int, true from operations
       where finished_at > clock_timestamp() - interval '1 hour' group by kind, state`,
  );
  return { unfinished: rows.filter((row) => !row.ended), ended: rows.filter((row) => row.ended) };
}

export interface OperationCount {
  kind: string;
  state: string;
  n: number;
}

/** Workspaces that aren't removed. */
export async function countWorkspaces(
  db: Queryable,
): Promise<{ backend: string; status: string; n: number }[]> {
  const { rows } = await db.query<{ backend: string; status: string; n: number }>(
    `select backend, status, count(*)::int as n from workspaces where status <> 'removed' group by backend, status`,
  );
  return rows;
}
