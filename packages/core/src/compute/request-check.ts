import type { InstanceRef, LaunchRequest, VolumeRef } from "./backend.js";
import { BackendError } from "./backend-error.js";

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const WORKSPACE_ID = new RegExp(`^${UUID}$`);

/**
 * Refuses what could never come from the ledger. The API has validated it all before; here names and ids
 * turn into paths, labels and URLs of a provider, so nothing is taken on trust.
 * @throws BackendError `invalid_spec`
 */
export function checkRef(ref: InstanceRef | VolumeRef): void {
  if (!WORKSPACE_ID.test(ref.workspaceId)) refuse("a workspace id must be a lower-case UUID");
  if (ref.name !== `ws-${ref.workspaceId}`) refuse("a name must be `ws-<workspace id>`");
  if ("generation" in ref && !(Number.isSafeInteger(ref.generation) && ref.generation >= 0))
    refuse("a generation must be an integer from 0");
}

/**
 * Refuses what no operating system can hand to a program. Messages name keys and never values.
 * @throws BackendError `invalid_spec`
 */
export function checkLaunch({ instance, volume, spec, env }: LaunchRequest): void {
  checkRef(instance);
  checkRef(volume);
  if (instance.workspaceId !== volume.workspaceId) refuse("instance and volume must be of one workspace");
  if (spec.command?.some((argument) => argument.includes("\0")) || spec.command?.[0] === "")
    refuse("spec.command must start with a program, and no argument may hold a NUL");
  for (const [key, value] of Object.entries({ ...spec.env, ...env })) {
    if (key === "" || /[=\0]/.test(key))
      refuse(`spec.env key ${JSON.stringify(key)} must not be empty or hold "=" or NUL`);
    if (value.includes("\0")) refuse(`spec.env ${JSON.stringify(key)} must not hold a NUL`);
  }
}

function refuse(message: string): never {
  throw new BackendError("invalid_spec", "permanent", message);
}

/** What a label says, if it could be the id of a workspace: people write labels too. */
export function workspaceIdIn(label: string | undefined): string | null {
  return label !== undefined && WORKSPACE_ID.test(label) ? label : null;
}

/** Named as a thing of a workspace is, whether or not it is one of ours. */
export function looksOurs(name: string): boolean {
  return /^ws-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name);
}
