import { coalescing } from "@berth/core/base/coalesce";
import { getOperations, type Operation } from "@berth/core/db/operations";
import type { Pool } from "@berth/core/db/pool";
import type { Workspace } from "@berth/core/db/workspaces";
import { requireWorkspace } from "./require-workspace.js";

/** How what was waited for has ended. A storm's callers wait for the same operation and ask at the same moment: it is read once. */
export interface Ended {
  operations(ids: readonly string[]): Promise<Operation[]>;
  /** @throws BerthError `workspace_not_found`. */
  workspace(id: string): Promise<Workspace>;
}

export function createEnded(pool: Pool): Ended {
  const operations = coalescing<Operation[]>();
  const workspaces = coalescing<Workspace>();
  return {
    operations: (ids) => operations(ids.join(), () => getOperations(pool, ids)),
    workspace: (id) => workspaces(id, () => requireWorkspace({ pool }, id)),
  };
}
