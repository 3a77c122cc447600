import { delayOf, type World } from "../world.js";
import type { Attachment, Instance, Volume } from "./instance.js";
import type { Region } from "./region.js";
import type { AttachmentState, VolumeState } from "./states.js";
import type { Tags } from "./tags.js";
import { asStuckState, volumeTarget } from "./target.js";
import type { VolumeShape } from "./volume-shape.js";
import type { Delays } from "../settings.js";

/** Makes a volume in state `creating`. */
export function createVolume(
  world: World,
  region: Region,
  az: string,
  shape: VolumeShape,
  tags: Tags,
): Volume {
  const volume = addVolume(world, region, az, shape, tags, "creating", delayOf(world, "visibility"));
  later(world, volume, "creatingVolume", "creating", () => move(world, region, volume, "available"));
  return volume;
}

/** Makes a volume that an instance is launched with: in use from the first moment. */
export function createWithInstance(
  world: World,
  region: Region,
  instance: Instance,
  device: string,
  shape: VolumeShape,
  tags: Tags,
  deleteOnTermination: boolean,
): Volume {
  const az = instance.launch.subnet.az;
  const hiddenFor = instance.launch.visibleAt - world.clock.now();
  const volume = addVolume(world, region, az, shape, tags, "in-use", hiddenFor);
  const since = world.clock.now();
  volume.attachment = { instance, device, state: "attached", since, deleteOnTermination };
  instance.volumes = [...instance.volumes, volume];
  return volume;
}

export function attach(
  world: World,
  region: Region,
  volume: Volume,
  instance: Instance,
  device: string,
): Attachment {
  const since = world.clock.now();
  const attachment: Attachment = { instance, device, state: "attaching", since, deleteOnTermination: false };
  volume.attachment = attachment;
  instance.volumes = [...instance.volumes, volume];
  move(world, region, volume, "in-use");
  later(world, volume, "attaching", "attaching", () => {
    attachment.state = "attached";
  });
  return attachment;
}

/** Begins to detach; the volume is `in-use` until that is done. */
export function detach(world: World, region: Region, volume: Volume, attachment: Attachment): void {
  attachment.state = "detaching";
  volume.epoch++;
  later(world, volume, "detaching", "detaching", () => letGo(world, region, volume));
}

export function remove(world: World, region: Region, volume: Volume): void {
  move(world, region, volume, "deleting");
  later(world, volume, "deletingVolume", "deleting", () => vanish(world, region, volume));
}

/** What becomes of the volumes of an instance that has just terminated. */
export function releaseAll(world: World, region: Region, instance: Instance): void {
  for (const volume of instance.volumes) {
    const dies = volume.attachment?.deleteOnTermination ?? false;
    letGo(world, region, volume);
    if (dies) vanish(world, region, volume);
  }
}

/** Ends whatever the volume is stuck in. @returns false if it isn't stuck. */
export function unstickVolume(world: World, region: Region, volume: Volume): boolean {
  if (!volume.stuck) return false;
  volume.stuck = false;
  if (volume.state === "creating") move(world, region, volume, "available");
  else if (volume.state === "deleting") vanish(world, region, volume);
  else if (volume.attachment?.state === "attaching") volume.attachment.state = "attached";
  else letGo(world, region, volume);
  return true;
}

function letGo(world: World, region: Region, volume: Volume): void {
  const instance = volume.attachment?.instance;
  if (instance) instance.volumes = instance.volumes.filter((other) => other !== volume);
  volume.attachment = null;
  move(world, region, volume, "available");
}

function vanish(world: World, region: Region, volume: Volume): void {
  move(world, region, volume, "deleted");
  region.volumes.delete(volume.id);
}

function addVolume(
  world: World,
  region: Region,
  az: string,
  shape: VolumeShape,
  tags: Tags,
  state: VolumeState,
  hiddenFor: number,
): Volume {
  const now = world.clock.now();
  const volume: Volume = {
    id: world.random.id("vol"),
    seq: region.nextSeq(),
    az,
    shape,
    createdAt: now,
    visibleAt: now + hiddenFor,
    state,
    epoch: 0,
    stuck: false,
    tags,
    attachment: null,
  };
  region.volumes.set(volume.id, volume);
  world.onTransition({ at: now, region: region.name, id: volume.id, from: null, to: state, reason: null });
  return volume;
}

function move(world: World, region: Region, volume: Volume, to: VolumeState): void {
  const from = volume.state;
  volume.epoch++;
  volume.stuck = false;
  volume.state = to;
  world.onTransition({ at: world.clock.now(), region: region.name, id: volume.id, from, to, reason: null });
}

/** Plans the end of a passing state, unless a fault makes it last. */
function later(
  world: World,
  volume: Volume,
  delay: keyof Delays,
  state: VolumeState | AttachmentState,
  run: () => void,
): void {
  const stuckState = asStuckState(state);
  if (stuckState && world.faults.fire("stuck", volumeTarget(volume, { state: stuckState }))) {
    volume.stuck = true;
    return;
  }
  const epoch = volume.epoch;
  world.schedule.plan(world.clock.now() + delayOf(world, delay), () => {
    if (volume.epoch === epoch) run();
  });
}
