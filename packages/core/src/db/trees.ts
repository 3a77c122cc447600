import type { Tx } from "./pool.js";

/** Ids of the workspace and all its descendants, removed ones too, root first. */
export async function treeOf(tx: Tx, rootId: string): Promise<{ id: string; depth: number }[]> {
  const { rows } = await tx.query<{ id: string; depth: number }>(
    `with recursive tree as (
       select id, 0 as depth from workspaces where id = $1
       union all
       select child.id, tree.depth + 1 from workspaces child join tree on child.parent_id = tree.id
     )
     select id, depth from tree order by depth, id`,
    [rootId],
  );
  return rows;
}

/** Ids of a workspace's ancestors, its parent first. */
export async function ancestorsOf(tx: Tx, id: string): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `with recursive line as (
       select parent_id, 0 as height from workspaces where id = $1
       union all
       select w.parent_id, line.height + 1 from workspaces w join line on w.id = line.parent_id
     )
     select parent_id as id from line where parent_id is not null order by height`,
    [id],
  );
  return rows.map((row) => row.id);
}
