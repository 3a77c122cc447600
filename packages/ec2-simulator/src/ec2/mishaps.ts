import type { FaultTarget } from "../faults/fault.js";
import type { World } from "../world.js";
import { stop, terminate } from "./instance-lifecycle.js";
import type { Instance } from "./instance.js";
import type { Region } from "./region.js";
import { instanceTarget } from "./target.js";

/** What befalls an instance without anyone calling the API. */
export const MISHAPS = ["spot_reclaim", "os_shutdown", "terminate"] as const;
export type Mishap = (typeof MISHAPS)[number];

/** Plans what the faults that are set hold for a new instance. */
export function planMishaps(world: World, region: Region, instance: Instance, target: FaultTarget): void {
  for (const mishap of MISHAPS) {
    if (!world.faults.awaits(mishap) || (mishap === "spot_reclaim" && !instance.launch.spec.spot)) continue;
    const fault = world.faults.fire(mishap, instanceTarget(instance, target));
    if (!fault) continue;
    world.schedule.plan(world.clock.now() + (fault.afterMs ?? 0), () => {
      befall(world, region, instance, mishap);
    });
  }
}

/**
 * Lets it happen now.
 * @returns why it can't: the instance is ending already, isn't a spot instance, or doesn't run.
 */
export function befall(world: World, region: Region, instance: Instance, mishap: Mishap): string | null {
  if (instance.state === "terminated" || instance.state === "shutting-down")
    return `${instance.id} is ${instance.state}`;
  if (mishap === "terminate") {
    terminate(world, region, instance, "user_terminate");
    return null;
  }
  if (mishap === "spot_reclaim" && !instance.launch.spec.spot) return `${instance.id} is no spot instance`;
  if (instance.state !== "running" && instance.state !== "pending")
    return `${instance.id} is ${instance.state}`;
  if (mishap === "spot_reclaim") reclaim(world, region, instance);
  else if (instance.shutdownBehavior === "stop") stop(world, region, instance, "os_shutdown");
  else terminate(world, region, instance, "os_shutdown");
  return null;
}

/** A persistent request that was told to keep its instance stops it; all others end it. */
function reclaim(world: World, region: Region, instance: Instance): void {
  if (instance.launch.spec.spot?.onInterruption === "terminate")
    terminate(world, region, instance, "spot_termination");
  else stop(world, region, instance, "spot_shutdown");
}
