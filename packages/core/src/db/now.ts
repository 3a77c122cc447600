import { ofTenant, type TenantLabels } from "./tenants.js";
import type { Queryable } from "./pool.js";

/** Workspaces that are not where they should be, of one status and for one reason. */
export interface Unwell {
  status: "failed" | "offline";
  reason: string | null;
  n: number;
  since: Date;
  /** When Berth tries the first of them again; null: by itself never. */
  next_restart_at: Date | null;
  /** The one that has been so for longest. */
  id: string;
  name: string;
}

/** Those that failed or are offline by reason, the reasons with most of them first. */
export async function listUnwell(
  db: Queryable,
  limit: number,
  tenant: TenantLabels | null = null,
): Promise<Unwell[]> {
  const { rows } = await db.query<Unwell>(
    `select status, status_reason as reason, count(*)::int as n, min(updated_at) as since,
       min(next_restart_at) as next_restart_at, (array_agg(id order by updated_at))[1] as id,
       (array_agg(name order by updated_at))[1] as name
     from workspaces where status in ('failed', 'offline') and ${ofTenant("$2")}
     group by status, status_reason order by status, n desc, since limit $1`,
    [limit, tenant && JSON.stringify(tenant)],
  );
  return rows;
}

/** What waits for a worker: it is its turn, it isn't in a backoff, and nobody has begun it. */
export interface Waiting {
  n: number;
  since: Date;
  operation_id: string;
  workspace_id: string;
  name: string;
  kind: string;
  place: string;
}

/** By place, what has waited for longer than `ms`; those that have for longest first. */
export async function listWaiting(
  db: Queryable,
  ms: number,
  tenant: TenantLabels | null = null,
): Promise<Waiting[]> {
  const { rows } = await db.query<Waiting>(
    `select o.place, count(*)::int as n, min(due.since) as since,
       (array_agg(o.id order by due.since))[1] as operation_id,
       (array_agg(o.workspace_id order by due.since))[1] as workspace_id,
       (array_agg(w.name order by due.since))[1] as name,
       (array_agg(o.kind order by due.since))[1] as kind
     from operations o join workspaces w on w.id = o.workspace_id join gates g on g.workspace_id = o.workspace_id
     cross join lateral (select greatest(o.created_at, o.next_attempt_at, (select max(before.finished_at) from operations before
       where before.workspace_id = o.workspace_id and before.ticket < o.ticket)) as since) due
     where o.state = 'queued' and o.ticket = g.head + 1 and not g.paused
       and due.since < now() - $1 * interval '1 millisecond'
       and ${ofTenant("$2", "w.labels")}
     group by o.place order by since`,
    [ms, tenant && JSON.stringify(tenant)],
  );
  return rows;
}
