import { workspaceNotFound } from "../base/errors.js";
import { lockGates, type Gate } from "../db/gates.js";
import type { Tx } from "../db/pool.js";
import { treeOf } from "../db/trees.js";
import { getWorkspaces, type Workspace } from "../db/workspaces.js";

/**
 * Locks the gates of the whole tree. A child may be added to a workspace until that one's gate is locked,
 * so this looks again until nothing new turns up.
 */
export async function lockTree(
  tx: Tx,
  rootId: string,
): Promise<{ gates: Map<string, Gate>; workspaces: Workspace[] }> {
  const gates = new Map<string, Gate>();
  for (let tree = await idsOf(tx, rootId); ;) {
    if (tree.length === 0) throw workspaceNotFound(rootId);
    const [locked, now, found] = await Promise.all([
      lockGates(
        tx,
        tree.filter((id) => !gates.has(id)),
      ),
      idsOf(tx, rootId),
      getWorkspaces(tx, tree),
    ]);
    for (const gate of locked) gates.set(gate.workspace_id, gate);
    tree = now;
    if (!tree.every((id) => gates.has(id))) continue;
    const rows = new Map(found.map((workspace) => [workspace.id, workspace]));
    return { gates, workspaces: tree.flatMap((id) => rows.get(id) ?? []) };
  }
}

async function idsOf(tx: Tx, rootId: string): Promise<string[]> {
  return (await treeOf(tx, rootId)).map((row) => row.id);
}
