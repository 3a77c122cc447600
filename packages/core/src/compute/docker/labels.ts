import type { InstanceRef, VolumeRef } from "../backend.js";
import { BackendError } from "../backend-error.js";

export const DEPLOYMENT = "berth.deployment";
export const WORKSPACE = "berth.workspace";
export const GENERATION = "berth.generation";
/** The ledger row. */
export const RESOURCE = "berth.resource";

export type Labels = Readonly<Record<string, string>>;

export function labelsOf(deploymentId: string, ref: InstanceRef | VolumeRef): Record<string, string> {
  return {
    [DEPLOYMENT]: deploymentId,
    [WORKSPACE]: ref.workspaceId,
    [RESOURCE]: ref.resourceId,
    ...("generation" in ref && { [GENERATION]: String(ref.generation) }),
  };
}

/** A filter for list calls. Never by name: that filter matches parts of names. */
export function ownedBy(deploymentId: string, workspaceId?: string): { label: string[] } {
  const label = [`${DEPLOYMENT}=${deploymentId}`];
  if (workspaceId !== undefined) label.push(`${WORKSPACE}=${workspaceId}`);
  return { label };
}

export function generationIn(labels: Labels): number | null {
  const text = labels[GENERATION] ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Refuses what doesn't carry this deployment and workspace (I10). @throws BackendError `name_taken` */
export function insistOnOwnership(
  kind: "container" | "volume",
  name: string,
  labels: Labels | null | undefined,
  deploymentId: string,
  workspaceId: string,
): void {
  if (labels?.[DEPLOYMENT] === deploymentId && labels[WORKSPACE] === workspaceId) return;
  throw new BackendError(
    "name_taken",
    "permanent",
    `a ${kind} ${name} exists that is not this deployment's (${deploymentId}); it was left as it is`,
  );
}
