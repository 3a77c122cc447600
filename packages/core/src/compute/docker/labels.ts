import { type Owner, refusalOf, type Whose, whoseIs } from "../../domain/owner.js";
import type { InstanceRef, VolumeRef } from "../backend.js";
import { BackendError } from "../backend-error.js";

export const DEPLOYMENT = "berth.deployment";
export const INSTALLATION = "berth.installation";
export const WORKSPACE = "berth.workspace";
export const GENERATION = "berth.generation";
/** The ledger row. */
export const RESOURCE = "berth.resource";

export type Labels = Readonly<Record<string, string>>;

export function labelsOf(owner: Owner, ref: InstanceRef | VolumeRef): Record<string, string> {
  return {
    [DEPLOYMENT]: owner.deploymentId,
    [INSTALLATION]: owner.installationId,
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

export function whoseLabels(owner: Owner, labels: Labels | null | undefined): Whose {
  return whoseIs(owner, labels?.[DEPLOYMENT], labels?.[INSTALLATION]);
}

/** Refuses what doesn't carry this deployment and workspace, or is another installation's (I10). @throws BackendError `name_taken` */
export function insistOnOwnership(
  kind: "container" | "volume",
  name: string,
  labels: Labels | null | undefined,
  owner: Owner,
  workspaceId: string,
): void {
  const whose = whoseLabels(owner, labels);
  if ((whose === "ours" || whose === "unsigned") && labels?.[WORKSPACE] === workspaceId) return;
  throw new BackendError(
    "name_taken",
    "permanent",
    `a ${kind} ${name} exists that ${refusalOf(owner, whose === "another" ? labels?.[INSTALLATION] : null)}`,
  );
}
