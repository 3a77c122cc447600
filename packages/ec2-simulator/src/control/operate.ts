import { unstick } from "../ec2/instance-lifecycle.js";
import type { Instance } from "../ec2/instance.js";
import { befall, type Mishap } from "../ec2/mishaps.js";
import type { Region } from "../ec2/region.js";
import { unstickVolume } from "../ec2/volume-lifecycle.js";
import type { Simulator } from "../simulator.js";
import { ControlError } from "./control-error.js";

/** Lets something happen to one instance without a call of the API. @throws ControlError if it can't. */
export function strike(sim: Simulator, id: string, mishap: Mishap): Instance {
  const { instance, region } = findInstance(sim, id);
  const refused = befall(sim.world, region, instance, mishap);
  if (refused !== null) throw new ControlError(409, refused);
  return instance;
}

/** Lets an instance or a volume go on from the state it is stuck in. @throws ControlError if it isn't. */
export function release(sim: Simulator, id: string): void {
  sim.world.schedule.settle();
  for (const region of sim.regions()) {
    const volume = region.volumes.get(id);
    if (volume && unstickVolume(sim.world, region, volume)) return;
    const instance = region.instances.get(id);
    if (instance && unstick(sim.world, region, instance)) return;
    if (volume || instance) throw new ControlError(409, `${id} isn't stuck`);
  }
  throw new ControlError(404, `there is no ${id}`);
}

/** Replaces what GetConsoleOutput answers. */
export function writeConsole(sim: Simulator, id: string, text: string): void {
  findInstance(sim, id).instance.console = text;
}

export function findInstance(sim: Simulator, id: string): { instance: Instance; region: Region } {
  sim.world.schedule.settle();
  for (const region of sim.regions()) {
    const instance = region.instances.get(id);
    if (instance) return { instance, region };
  }
  throw new ControlError(404, `there is no instance ${id}`);
}
