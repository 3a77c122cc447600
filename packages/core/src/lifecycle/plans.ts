import type { OperationKind } from "../domain/operation.js";
import { ensureVolume, launch, prepare, publishName, waitUntilRunning } from "./launch.js";
import type { Step } from "./step.js";
import { removeName, removeVolume, stopFormer, stopInstance } from "./stop.js";

/** Everything an operation does, in order. Pause, resume and hibernate join with their routes. */
const PLANS: Partial<Record<OperationKind, readonly Step[]>> = {
  provision: [prepare, ensureVolume, launch, waitUntilRunning, publishName],
  restart: [prepare, stopFormer, ensureVolume, launch, waitUntilRunning, publishName],
  delete: [stopInstance, removeVolume, removeName],
};

export function planOf(kind: OperationKind): readonly Step[] {
  const plan = PLANS[kind];
  if (plan === undefined)
    throw new Error(`this Berth doesn't know how to ${kind}: run workers at least as new as the API`);
  return plan;
}
