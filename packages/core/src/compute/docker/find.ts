import type { ContainerInfo, ContainerInspectInfo } from "dockerode";
import type { CallOptions, InstanceRef, InstanceState } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { ask, demand } from "./ask.js";
import type { DockerClient } from "./client.js";
import { STATES } from "./engine.js";
import { generationIn, insistOnOwnership, type Labels, ownedBy, RESOURCE, WORKSPACE } from "./labels.js";

/** Of Docker's list calls; a name matches where it is a part of one. */
export type Filters = Partial<Record<"label" | "name", string[]>>;

export interface FoundContainer {
  id: string;
  /** Docker's own word. */
  dockerState: string;
  state: InstanceState;
  labels: Labels;
  createdAt: Date;
  name: string;
  /** Of one that has ended, where the engine tells. */
  exitCode: number | null;
}

/**
 * The containers of this deployment (of one workspace, if it is given), whichever installation's, in any state, in
 * one call. What
 * isn't in it isn't there: the daemon lists from one snapshot of its state. @throws BackendError
 */
export async function listContainers(
  client: DockerClient,
  options: CallOptions,
  workspaceId?: string,
): Promise<FoundContainer[]> {
  return listBy(client, options, ownedBy(client.deploymentId, workspaceId));
}

/** As {@link listContainers}, by any filters. @throws BackendError */
export async function listBy(
  client: DockerClient,
  options: CallOptions,
  filters: Filters,
): Promise<FoundContainer[]> {
  const list = await demand(client, "list containers", options, (abortSignal) =>
    client.docker.listContainers({ all: true, filters, abortSignal }),
  );
  if (!Array.isArray(list)) throw new BackendError("backend_failed", "transient", "list containers: no list");
  return list.map(describe);
}

/**
 * Those of `containers` that `ref` means. One whose id is known is meant by that id, or by its ledger row if
 * a launch was repeated and its last answer got lost; an unknown one by workspace and generation. Never by
 * name alone, which all generations share (I9).
 * @throws BackendError `name_taken` if one of them is another installation's
 */
export function meantBy(
  client: DockerClient,
  ref: InstanceRef,
  containers: readonly FoundContainer[],
): FoundContainer[] {
  const meant = containers.filter(
    ({ id, labels }) =>
      labels[WORKSPACE] === ref.workspaceId &&
      generationIn(labels) === ref.generation &&
      (ref.providerId === null || id === ref.providerId || labels[RESOURCE] === ref.resourceId),
  );
  for (const { name, labels } of meant) insistOnOwnership("container", name, labels, client, ref.workspaceId);
  return meant;
}

/** The only place of a list in which the exit code is: `Exited (137) 5 seconds ago`. */
const EXITED = /^Exited \((\d{1,3})\)/;

function describe(info: ContainerInfo): FoundContainer {
  const exitCode = EXITED.exec(info.Status)?.[1];
  return {
    id: info.Id,
    dockerState: info.State,
    state: STATES[info.State] ?? "unknown",
    labels: info.Labels,
    createdAt: new Date(info.Created * 1000),
    name: (info.Names[0] ?? info.Id).replace(/^\//, ""),
    exitCode: exitCode === undefined ? null : Number(exitCode),
  };
}

/** Null if it isn't there. @throws BackendError */
export async function inspectContainer(
  client: DockerClient,
  idOrName: string,
  options: CallOptions,
): Promise<ContainerInspectInfo | null> {
  const found = await ask(client, `inspect ${idOrName}`, { ...options, expects: [404] }, (abortSignal) =>
    client.docker.getContainer(idOrName).inspect({ abortSignal }),
  );
  return found.ok ? found.value : null;
}
