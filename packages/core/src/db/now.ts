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

/** A webhook that doesn't tell what it should. */
export interface Mute {
  url: string;
  enabled: boolean;
  disabled_reason: string | null;
  disabled_at: Date;
  /** Deliveries that were refused and are sent again, since when the first of them waits, and when the next one goes. */
  refused: number;
  refused_since: Date | null;
  next_at: Date | null;
  /** Deliveries that were given up within the time asked for. */
  dead: number;
  dead_since: Date | null;
  last_error: string | null;
}

/** Of each webhook as much is looked at: more is as good as this. */
const LOOKED_AT = 1_000;

/**
 * Webhooks that their endpoint has turned off, that have had something refused for longer than `lateMs`, or something given up
 * within `deadMs`.
 */
export async function listMute(
  db: Queryable,
  { lateMs, deadMs }: { lateMs: number; deadMs: number },
): Promise<Mute[]> {
  const { rows } = await db.query<Mute>(
    `select w.url, w.enabled, w.disabled_reason, w.updated_at as disabled_at, waits.refused, waits.refused_since,
       greatest(waits.next_at, w.blocked_until) as next_at, gone.dead, gone.dead_since,
       coalesce(waits.last_error, gone.last_error) as last_error
     from webhooks w
     cross join lateral (
       select count(*)::int as refused, min(created_at) as refused_since, min(due_at) as next_at,
         (array_agg(last_error order by due_at))[1] as last_error
       from (select * from webhook_deliveries d where d.webhook_id = w.id and d.state = 'pending'
         order by d.due_at limit ${LOOKED_AT}) d
       where w.enabled and d.last_error is not null) waits
     cross join lateral (
       select count(*)::int as dead, min(ended_at) as dead_since, (array_agg(last_error order by ended_at desc))[1] as last_error
       from (select * from webhook_deliveries d where d.webhook_id = w.id and d.state = 'dead'
         order by d.created_at desc limit ${LOOKED_AT}) d
       where w.enabled and d.ended_at > now() - $2 * interval '1 millisecond') gone
     where waits.refused_since < now() - $1 * interval '1 millisecond' or gone.dead > 0
       or (not w.enabled and w.disabled_reason <> 'asked for')
     order by w.created_at`,
    [lateMs, deadMs],
  );
  return rows;
}
