import type { CallOptions, InstanceRef, InstanceState } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { type Ends, reasonOfExit } from "../ends.js";
import type { DockerClient } from "./client.js";
import { type FoundContainer, inspectContainer, listContainers, meantBy } from "./find.js";

/** Of SIGKILL, which is also how the kernel ends what has no memory left. */
const KILLED = 137;

/** See `Backend.probe`; rejects on doubt. */
export async function probeContainers(
  client: DockerClient,
  ends: Ends,
  instances: readonly InstanceRef[],
  options: CallOptions,
): Promise<Map<string, InstanceState>> {
  const [first] = instances;
  if (first === undefined) return new Map();
  const one = instances.every((instance) => instance.workspaceId === first.workspaceId);
  const listed = await listContainers(client, options, one ? first.workspaceId : undefined);
  const states = new Map<string, InstanceState>();
  for (const ref of instances) {
    const container = containerOf(client, ref, listed);
    if (container !== undefined && container !== null) await noteEnd(client, ends, ref, container, options);
    states.set(ref.resourceId, container === null ? "unknown" : (container?.state ?? "gone"));
  }
  return states;
}

/** Undefined if it isn't there; null if another installation's is there, which says nothing of ours (I5). */
function containerOf(
  client: DockerClient,
  ref: InstanceRef,
  listed: readonly FoundContainer[],
): FoundContainer | null | undefined {
  try {
    return meantBy(client, ref, listed)[0];
  } catch (error) {
    if (error instanceof BackendError && error.code === "name_taken") return null;
    throw error;
  }
}

/**
 * Remembers how a container ended. A list tells the exit code; whether it was for want of memory only the container
 * itself does, which is asked once, and whose failure loses that word only.
 */
export async function noteEnd(
  client: DockerClient,
  ends: Ends,
  { resourceId }: InstanceRef,
  { id, exitCode }: FoundContainer,
  options: CallOptions,
): Promise<void> {
  if (exitCode === null || ends.of(resourceId) !== null) return;
  const killed = exitCode === KILLED ? await inspectContainer(client, id, options).catch(() => null) : null;
  ends.note(resourceId, reasonOfExit(exitCode, killed?.State.OOMKilled === true));
}
