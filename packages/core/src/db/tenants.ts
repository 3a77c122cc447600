import type { Queryable } from "./pool.js";

export type TenantLabels = Readonly<Record<string, string>>;

/** A condition on a workspace's labels: what is of the tenant whose labels are this parameter, and all where that is null. */
export function ofTenant(parameter: `$${number}`, labels = "labels"): string {
  return `(${parameter}::jsonb is null or ${labels} @> ${parameter})`;
}

/** True if there is a workspace of this id that has all these labels. */
export async function isOfTenant(db: Queryable, workspaceId: string, tenant: TenantLabels): Promise<boolean> {
  const { rowCount } = await db.query("select 1 from workspaces where id = $1 and labels @> $2", [
    workspaceId,
    JSON.stringify(tenant),
  ]);
  return rowCount === 1;
}

/** Those of these workspaces that aren't there, or not the tenant's. */
export async function notOfTenant(
  db: Queryable,
  ids: readonly string[],
  tenant: TenantLabels,
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select given.id from unnest($1::uuid[]) with ordinality as given (id, n)
     where not exists (select 1 from workspaces w where w.id = given.id and w.labels @> $2) order by n`,
    [ids, JSON.stringify(tenant)],
  );
  return rows.map(({ id }) => id);
}

/** True if there is a bulk operation of this id that a key of this tenant has asked for. */
export async function isBulkOfTenant(db: Queryable, bulkId: string, tenant: TenantLabels): Promise<boolean> {
  const { rowCount } = await db.query("select 1 from bulk_operations where id = $1 and tenant = $2", [
    bulkId,
    JSON.stringify(tenant),
  ]);
  return rowCount === 1;
}

/** True if each descendant of a workspace that isn't removed has all these labels. */
export async function isTreeOfTenant(
  db: Queryable,
  workspaceId: string,
  tenant: TenantLabels,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `with recursive tree as (
       select id, labels, status from workspaces where parent_id = $1
       union all
       select w.id, w.labels, w.status from workspaces w join tree on w.parent_id = tree.id
     )
     select 1 from tree where status <> 'removed' and not labels @> $2 limit 1`,
    [workspaceId, JSON.stringify(tenant)],
  );
  return rowCount === 0;
}
