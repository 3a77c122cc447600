import type { OperationKind } from "../domain/operation.js";
import { ensureVolume, launch, prepare, publishName, waitUntilRunning } from "./launch.js";
import { dropName, silence } from "./suspend.js";
import type { Step } from "./step.js";
import { removeName, removeVolume, stopFormer, stopInstance } from "./stop.js";

/** Everything an operation does, in order. */
const PLANS: Readonly<Record<OperationKind, readonly Step[]>> = {
  provision: [prepare, ensureVolume, launch, waitUntilRunning, publishName],
  restart: [prepare, stopFormer, ensureVolume, launch, waitUntilRunning, publishName],
  pause: [silence, stopInstance, dropName],
  hibernate: [silence, stopInstance, dropName],
  resume: [prepare, ensureVolume, launch, waitUntilRunning, publishName],
  delete: [stopInstance, removeVolume, removeName],
};

export function planOf(kind: OperationKind): readonly Step[] {
  // One that a newer API has accepted is in no table of ours.
  const plan = PLANS[kind] as readonly Step[] | undefined;
  if (plan === undefined)
    throw new Error(`this Berth doesn't know how to ${kind}: run workers at least as new as the API`);
  return plan;
}
