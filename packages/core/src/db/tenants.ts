import type { Queryable } from "./pool.js";

export type TenantLabels = Readonly<Record<string, string>>;

/** True if there is a workspace of this id that has all these labels. */
export async function isOfTenant(db: Queryable, workspaceId: string, tenant: TenantLabels): Promise<boolean> {
  const { rowCount } = await db.query("select 1 from workspaces where id = $1 and labels @> $2", [
    workspaceId,
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
