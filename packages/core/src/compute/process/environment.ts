import { dirname } from "node:path";
import type { LaunchRequest } from "../backend.js";
import type { Places } from "./places.js";
import { MARKER } from "./process-table.js";

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What an instance's marker tells. */
export interface Marked {
  workspaceId: string;
  generation: number;
  resourceId: string;
  /** Null: made before installations had ids. */
  installation: string | null;
}

/**
 * All that the program gets. Nothing of Berth's own environment, which holds its secrets; `node` is found
 * where Berth found its own.
 */
export function environmentOf(
  { instance, spec, env }: LaunchRequest,
  { mark, owner }: Pick<Places, "mark" | "owner">,
  home: string,
): Record<string, string> {
  return {
    PATH: `${SYSTEM_PATH}:${dirname(process.execPath)}`,
    HOME: home,
    LANG: "C.UTF-8",
    ...spec.env,
    // After the spec's, so that it can't pretend to be another workspace.
    ...env,
    [MARKER]: `${mark}/${instance.workspaceId}/${instance.generation}/${instance.resourceId}/${owner.installationId}`,
  };
}

/** Null for a process of another deployment or data directory, or of none (I10). `mark` as in `Places`. */
export function readMarker(marker: string | null, mark: string): Marked | null {
  const [owner, workspaceId, generation, resourceId, installation = null] = marker?.split("/") ?? [];
  if (owner !== mark || workspaceId === undefined || resourceId === undefined) return null;
  return { workspaceId, generation: Number(generation), resourceId, installation };
}
