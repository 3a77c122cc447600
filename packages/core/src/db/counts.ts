import { WORKER_SILENT_MS } from "./place-workers.js";
import { ofTenant, type TenantLabels } from "./tenants.js";
import type { Queryable } from "./pool.js";

/** What is of the tenant that is given as $1; null: of all. */
const OPERATIONS_OF_TENANT = `($1::jsonb is null or workspace_id in (select id from workspaces where labels @> $1))`;

/** Operations that are unfinished, and those that ended within the last hour: what an index finds. */
export async function countOperations(
  db: Queryable,
  tenant: TenantLabels | null = null,
): Promise<{ unfinished: OperationCount[]; ended: OperationCount[] }> {
  const { rows } = await db.query<OperationCount & { ended: boolean }>(
    `select kind, state, count(*)::int as n, false as ended,
       (extract(epoch from clock_timestamp() - min(created_at) filter (where started_at is null)))::float8 as oldest_s
       from operations where state in ('queued', 'running') and ${OPERATIONS_OF_TENANT} group by kind, state
     union all
     select kind, state, count(*)::int, true, null from operations
       where finished_at > now() - interval '1 hour' and ${OPERATIONS_OF_TENANT} group by kind, state`,
    [tenant && JSON.stringify(tenant)],
  );
  return { unfinished: rows.filter((row) => !row.ended), ended: rows.filter((row) => row.ended) };
}

export interface OperationCount {
  kind: string;
  state: string;
  n: number;
  /** For how long the oldest of those that have never been taken up waits; null: none does. */
  oldest_s: number | null;
}

/** Workspaces that aren't removed. */
export async function countWorkspaces(
  db: Queryable,
  tenant: TenantLabels | null = null,
): Promise<{ backend: string; status: string; n: number }[]> {
  const { rows } = await db.query<{ backend: string; status: string; n: number }>(
    `select backend, status, count(*)::int as n from workspaces where status <> 'removed' and ${ofTenant("$1")}
     group by backend, status`,
    [tenant && JSON.stringify(tenant)],
  );
  return rows;
}

export interface PlaceCounts {
  workspaces: { place: string; status: string; n: number }[];
  workers: { place: string; state: string; n: number }[];
  places: { place: string; obligations: number; capacity: number | null; cordoned: boolean }[];
}

/** Of the first places by name, without those that were given up. */
export async function countByPlace(db: Queryable, limit: number): Promise<PlaceCounts> {
  const { rows } = await db.query<PlaceCounts>(
    `with shown as (select name, capacity, cordoned from places where lost_at is null order by name limit $1)
     select
       coalesce((select jsonb_agg(c) from (
         select w.place, w.status, count(*) as n from workspaces w join shown on shown.name = w.place
         where w.status <> 'removed' group by w.place, w.status) c), '[]') as workspaces,
       coalesce((select jsonb_agg(c) from (
         select w.place, w.state, count(*) as n from place_workers w join shown on shown.name = w.place
         where w.last_seen_at > clock_timestamp() - $2 * interval '1 millisecond' group by w.place, w.state) c), '[]') as workers,
       coalesce((select jsonb_agg(c) from (
         select shown.name as place, shown.capacity, shown.cordoned, (select count(*) from resources r
           where r.place = shown.name and r.state = 'releasing') as obligations from shown) c), '[]') as places`,
    [limit, WORKER_SILENT_MS],
  );
  return rows[0]!;
}
