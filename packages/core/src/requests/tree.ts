import { BerthError } from "../base/errors.js";
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
  for (;;) {
    const tree = (await treeOf(tx, rootId)).map((row) => row.id);
    const unlocked = tree.filter((id) => !gates.has(id));
    if (tree.length === 0)
      throw new BerthError("workspace_not_found", `there is no workspace ${rootId}`, {
        workspace_id: rootId,
      });
    if (unlocked.length === 0) {
      const rows = new Map((await getWorkspaces(tx, tree)).map((workspace) => [workspace.id, workspace]));
      return { gates, workspaces: tree.flatMap((id) => rows.get(id) ?? []) };
    }
    for (const gate of await lockGates(tx, unlocked)) gates.set(gate.workspace_id, gate);
  }
}
