import { EACH, type Label, type SizeLimits, type SizeUse } from "../domain/quota.js";
import type { Status } from "../domain/status.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";

export interface Quota extends Label, SizeLimits {
  max_running: number;
  version: number;
  created_at: Date;
  updated_at: Date;
  updated_by: string;
}

/** A quota and what it allows is used for. */
export interface QuotaUse extends Quota {
  /** Of its label, or of that label of a `name:*` that has most. */
  running: number;
  /** Of a `name:*`: the labels that have most, at most {@link FULLEST} of them. Else the one. */
  fullest: { value: string; running: number }[];
  /** What else is taken; null where nothing else is limited, and of a `name:*`. */
  size: SizeUse | null;
}
const FULLEST = 10;

const SIZES = ["max_memory_mb", "max_cpus", "max_volume_gb", "max_waiting"] as const;
const SIZE_COLUMNS = SIZES.map((name) => `q.${name}${name === "max_cpus" ? "::float8" : ""}`).join(", ");
const HAS_SIZES = `coalesce(${SIZES.map((name) => `q.${name}`).join(", ")}) is not null`;
const COLUMNS = `key, value, max_running, ${SIZE_COLUMNS}, version, created_at, updated_at, updated_by`;

/** Each quota with its use. A label with a quota of its own isn't one of those that `name:*` holds for. */
const USES = `select q.key, q.value, q.max_running, ${SIZE_COLUMNS}, q.version, q.created_at, q.updated_at, q.updated_by,
    coalesce(use.running, 0) as running, coalesce(use.fullest, '[]') as fullest,
    case when q.value <> '${EACH}' and ${HAS_SIZES} then (select to_jsonb(u) from label_use(q.key, q.value, null) u) end as size
  from quotas q left join lateral (
    select max(n.running) as running,
      jsonb_agg(jsonb_build_object('value', n.value, 'running', n.running) order by n.running desc, n.value) as fullest
    from (
      select l.value, count(*)::int as running from workspace_labels l
      where l.running and l.key = q.key and q.value = '${EACH}'
        and not exists (select from quotas own where own.key = l.key and own.value = l.value and own.value <> '${EACH}')
      group by l.value
      union all
      select q.value, (select count(*)::int from workspace_labels l
        where l.running and l.key = q.key and l.value = q.value)
      where q.value <> '${EACH}'
      order by running desc, value limit ${FULLEST}
    ) n
  ) use on true`;

export async function getQuotaUse(db: Queryable, { key, value }: Label): Promise<QuotaUse | null> {
  const { rows } = await db.query<QuotaUse>(`${USES} where q.key = $1 and q.value = $2`, [key, value]);
  return rows[0] ?? null;
}

/** In the order of their labels, after the one given. */
export async function listQuotaUses(
  db: Queryable,
  { limit, after }: { limit: number; after?: Label },
): Promise<QuotaUse[]> {
  const { rows } = await db.query<QuotaUse>(
    `${USES} where $1::text is null or (q.key, q.value) > ($1, $2) order by q.key, q.value limit $3`,
    [after?.key ?? null, after?.value ?? null, limit],
  );
  return rows;
}

/** Locks the row. */
export async function lockQuota(tx: Tx, { key, value }: Label): Promise<Quota | null> {
  const { rows } = await tx.query<Quota>(
    `select ${COLUMNS} from quotas q where key = $1 and value = $2 for update`,
    [key, value],
  );
  return rows[0] ?? null;
}

/** Makes or changes it; the same limit again is no new version. */
export async function putQuota(
  tx: Tx,
  quota: Label & SizeLimits & { max_running: number; by: string },
): Promise<void> {
  await sendAlong(
    tx,
    `insert into quotas (key, value, max_running, updated_by, max_memory_mb, max_cpus, max_volume_gb, max_waiting)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (key, value) do update set max_running = excluded.max_running, updated_by = excluded.updated_by,
       max_memory_mb = excluded.max_memory_mb, max_cpus = excluded.max_cpus, max_volume_gb = excluded.max_volume_gb,
       max_waiting = excluded.max_waiting, updated_at = clock_timestamp(), version = quotas.version + 1
     where (quotas.max_running, quotas.max_memory_mb, quotas.max_cpus, quotas.max_volume_gb, quotas.max_waiting)
       is distinct from (excluded.max_running, excluded.max_memory_mb, excluded.max_cpus, excluded.max_volume_gb,
         excluded.max_waiting)`,
    [quota.key, quota.value, quota.max_running, quota.by, ...SIZES.map((name) => quota[name])],
  );
}

export async function deleteQuota(tx: Tx, { key, value }: Label): Promise<void> {
  await sendAlong(tx, "delete from quotas where key = $1 and value = $2", [key, value]);
}

/** A label, the quota that holds for it, how many run and what they take. */
export interface Room extends Label, SizeLimits {
  quota_value: string;
  max_running: number;
  running: number;
  /** Null where none of it is limited. */
  size: SizeUse | null;
}

/** Those of the labels that a quota holds for: their own, else that of `name:*`. @param except doesn't count */
export async function roomOf(tx: Tx, labels: readonly Label[], except: string | null): Promise<Room[]> {
  const { rows } = await tx.query<Room>(
    `select w.key, w.value, q.value as quota_value, q.max_running, ${SIZE_COLUMNS},
       (select count(*)::int from workspace_labels l where l.running and l.key = w.key and l.value = w.value
         and l.workspace_id is distinct from $3) as running,
       case when ${HAS_SIZES} then (select to_jsonb(u) from label_use(w.key, w.value, $3) u) end as size
     from unnest($1::text[], $2::text[]) as w (key, value)
     cross join lateral (
       select * from quotas
       where key = w.key and value in (w.value, '${EACH}') order by value <> w.value limit 1
     ) q order by w.key, w.value`,
    [labels.map(({ key }) => key), labels.map(({ value }) => value), except],
  );
  return rows;
}

/**
 * Lets one transaction at a time take places of each of these labels, until it ends. By label and not by the quota's
 * row: the values of a `name:*` don't wait for each other. Always in one order, and after all gates, so that two
 * transactions can't deadlock.
 */
export async function lockLabels(tx: Tx, labels: readonly Label[]): Promise<void> {
  await sendAlong(
    tx,
    `select pg_advisory_xact_lock(place) from (
       select distinct hashtextextended('berth.quota ' || key || ':' || value, 0) as place
       from unnest($1::text[], $2::text[]) as l (key, value) order by place
     ) places`,
    [labels.map(({ key }) => key), labels.map(({ value }) => value)],
  );
}

/** Some that run with the label, oldest first. */
export async function someRunning(
  tx: Tx,
  { key, value }: Label,
  limit: number,
): Promise<{ id: string; name: string; status: Status }[]> {
  const { rows } = await tx.query<{ id: string; name: string; status: Status }>(
    `select w.id, w.name, w.status from workspace_labels l join workspaces w on w.id = l.workspace_id
     where l.running and l.key = $1 and l.value = $2 order by l.created_at, l.workspace_id limit $3`,
    [key, value, limit],
  );
  return rows;
}
