import type { OperationKind } from "../domain/operation.js";
import { hasCompute, type BackendName } from "../domain/backend.js";
import { announce, ensureVolume, launch, prepare, publishName } from "./launch.js";
import { waitUntilRunning } from "./wait.js";
import { dropName, revokeToken } from "./quiet.js";
import type { Step } from "./step.js";
import { releaseAll, removeName, removeVolume, stopFormer, stopInstance } from "./stop.js";

/** Everything an operation does, in order. */
const PLANS: Readonly<Record<OperationKind, readonly Step[]>> = {
  provision: [prepare, ensureVolume, launch, waitUntilRunning, publishName],
  // Its generation begins when the one before has ended: a stop that fails leaves that as it was (I14).
  restart: [announce, stopFormer, prepare, ensureVolume, launch, waitUntilRunning, publishName],
  pause: [revokeToken, stopInstance, dropName],
  hibernate: [revokeToken, stopInstance, dropName],
  resume: [prepare, ensureVolume, launch, waitUntilRunning, publishName],
  delete: [releaseAll, stopInstance, removeVolume, removeName],
};

/** Nothing runs here that could be started or stopped; the request has made the agent's token. */
const EXTERNAL: Partial<typeof PLANS> = { provision: [], delete: [] };

export function planOf(kind: OperationKind, backend: BackendName): readonly Step[] {
  // One that a newer API has accepted is in no table of ours.
  const plan: readonly Step[] | undefined = (hasCompute(backend) ? PLANS : EXTERNAL)[kind];
  if (plan === undefined)
    throw new Error(`this Berth doesn't know how to ${kind}: run workers at least as new as the API`);
  return plan;
}
