import type { XmlDocument } from "../xml/write.js";
import { callTarget, type ActionContext } from "./action.js";
import type { Instance } from "./instance.js";
import type { InstanceState } from "./states.js";
import { instanceTarget } from "./target.js";
import { presentState } from "./present/instance.js";

export interface StateChange {
  instance: Instance;
  previous: InstanceState;
  /** What the caller is told; with a `no_effect` fault not what is. */
  current: InstanceState;
}

/** The reply of Start, Stop and TerminateInstances. */
export function presentChanges({ world }: ActionContext, changes: readonly StateChange[]): XmlDocument {
  const highByte = world.settings.stateCodeHighByte;
  return {
    instancesSet: changes.map(({ instance, previous, current }) => ({
      instanceId: instance.id,
      currentState: presentState(current, highByte),
      previousState: presentState(previous, highByte),
    })),
  };
}

/**
 * Changes each instance with `act`, unless a `no_effect` fault hits it: then the caller is told of the
 * change all the same.
 */
export function changeEach(
  context: ActionContext,
  instances: readonly Instance[],
  told: InstanceState,
  act: (instance: Instance) => void,
  isNoOp: (instance: Instance) => boolean,
): StateChange[] {
  return instances.map((instance) => {
    const previous = instance.state;
    if (isNoOp(instance)) return { instance, previous, current: previous };
    if (noEffect(context, instance)) {
      context.effects.push(`ignored ${instance.id}`);
      return { instance, previous, current: told };
    }
    act(instance);
    context.effects.push(`${instance.id} ${previous} -> ${instance.state}`);
    return { instance, previous, current: instance.state };
  });
}

function noEffect(context: ActionContext, instance: Instance): boolean {
  return context.world.faults.fire("no_effect", instanceTarget(instance, callTarget(context))) !== null;
}
