import type { FaultTarget, StuckState } from "../faults/fault.js";
import type { Instance, Volume } from "./instance.js";

/** An instance as faults see it. */
export function instanceTarget(instance: Instance, more: FaultTarget = {}): FaultTarget {
  return {
    ...more,
    az: [instance.launch.subnet.az],
    type: [instance.type],
    instance: [instance.id],
  };
}

/** A volume as faults see it, with the instance it is attached to. */
export function volumeTarget(volume: Volume, more: FaultTarget = {}): FaultTarget {
  const instance = volume.attachment?.instance;
  return {
    ...more,
    az: [volume.az],
    volume: [volume.id],
    ...(instance ? { instance: [instance.id], type: [instance.type] } : {}),
  };
}

const STUCK_STATES: ReadonlySet<string> = new Set<StuckState>([
  "pending",
  "stopping",
  "shutting-down",
  "creating",
  "deleting",
  "attaching",
  "detaching",
]);

/** The state as a `stuck` fault may name it. */
export function asStuckState(state: string): StuckState | null {
  return STUCK_STATES.has(state) ? (state as StuckState) : null;
}
