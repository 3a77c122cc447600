import { AwsError, invalidValue } from "../errors.js";
import { callTarget, type ActionContext } from "./action.js";
import type { Instance, Volume } from "./instance.js";
import { instanceTarget, volumeTarget } from "./target.js";

const HEX = "(?:[0-9a-f]{8}|[0-9a-f]{17})";
const INSTANCE_ID = new RegExp(`^i-${HEX}$`);
const VOLUME_ID = new RegExp(`^vol-${HEX}$`);

/** True if other calls know it: its visibility delay is over and no `hidden` fault hits. */
export function instanceIsVisible(context: ActionContext, instance: Instance): boolean {
  if (instance.launch.visibleAt > context.now) return false;
  const { faults } = context.world;
  return !faults.awaits("hidden") || !faults.fire("hidden", instanceTarget(instance, callTarget(context)));
}

export function volumeIsVisible(context: ActionContext, volume: Volume): boolean {
  if (volume.visibleAt > context.now) return false;
  const { faults } = context.world;
  return !faults.awaits("hidden") || !faults.fire("hidden", volumeTarget(volume, callTarget(context)));
}

/** All of the instances, once each. @throws AwsError if one id is malformed or unknown: nothing is done then. */
export function findInstances(context: ActionContext, ids: readonly string[]): Instance[] {
  for (const id of ids)
    if (!INSTANCE_ID.test(id)) throw new AwsError("InvalidInstanceID.Malformed", `Invalid id: "${id}"`);
  const unknown: string[] = [];
  const found: Instance[] = [];
  for (const id of new Set(ids)) {
    const instance = context.region.instances.get(id);
    if (instance && instanceIsVisible(context, instance)) found.push(instance);
    else unknown.push(id);
  }
  if (unknown.length === 1)
    throw new AwsError("InvalidInstanceID.NotFound", `The instance ID '${unknown[0]}' does not exist`);
  if (unknown.length > 1)
    throw new AwsError("InvalidInstanceID.NotFound", `The instance IDs '${unknown.join(", ")}' do not exist`);
  return found;
}

export function findInstance(context: ActionContext, id: string): Instance {
  return findInstances(context, [id])[0]!;
}

export function findVolumes(context: ActionContext, ids: readonly string[]): Volume[] {
  for (const id of ids) if (!VOLUME_ID.test(id)) throw invalidValue("volumeId", id, "Expected: 'vol-...'.");
  return [...new Set(ids)].map((id) => {
    const volume = context.region.volumes.get(id);
    if (!volume || !volumeIsVisible(context, volume))
      throw new AwsError("InvalidVolume.NotFound", `The volume '${id}' does not exist.`);
    return volume;
  });
}

export function findVolume(context: ActionContext, id: string): Volume {
  return findVolumes(context, [id])[0]!;
}

/** The ids at `name.N`. @throws AwsError if there are none or more than `most`. */
export function requiredIds({ request }: ActionContext, name: string, most = 1_000): string[] {
  const ids = request.list(name);
  if (ids.length === 0)
    throw new AwsError("MissingParameter", `The request must contain the parameter ${name}`);
  if (ids.length > most)
    throw new AwsError("InvalidParameterValue", `The request may name at most ${most} resources in ${name}.`);
  return ids;
}
