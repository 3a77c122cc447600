import { getWorkspace, type Workspace } from "@berth/core/db/workspaces";
import { workspaceNotFound } from "@berth/core/base/errors";
import type { Services } from "../services.js";

/** @throws BerthError `workspace_not_found`. */
export async function requireWorkspace({ pool }: Pick<Services, "pool">, id: string): Promise<Workspace> {
  const workspace = await getWorkspace(pool, id);
  if (workspace !== null) return workspace;
  throw workspaceNotFound(id);
}
