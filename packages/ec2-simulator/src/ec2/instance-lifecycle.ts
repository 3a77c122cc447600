import { delayOf, type World } from "../world.js";
import type { Instance, StateReason } from "./instance.js";
import type { Region } from "./region.js";
import { reasonFor, userInitiated, type Cause } from "./reasons.js";
import type { InstanceState } from "./states.js";
import { asStuckState, instanceTarget } from "./target.js";
import { releaseAll } from "./volume-lifecycle.js";

/** Announces a new instance and plans its way to `running`, or to its failure if `doomed` says why. */
export function begin(world: World, region: Region, instance: Instance, doomed: StateReason | null): void {
  announce(world, region, instance, null);
  if (doomed) leaveLater(world, instance, "pending", () => end(world, region, instance, doomed));
  else leaveLater(world, instance, "pending", () => run(world, region, instance));
}

export function start(world: World, region: Region, instance: Instance): void {
  instance.launchedAt = world.clock.now();
  instance.transitionReason = "";
  enter(world, region, instance, "pending", reasonFor("starting"));
  leaveLater(world, instance, "pending", () => run(world, region, instance));
}

/** Stops whatever runs. A forced stop also ends a stop that is stuck. */
export function stop(world: World, region: Region, instance: Instance, cause: Cause): void {
  const reason = reasonFor(cause);
  instance.transitionReason = cause === "user_stop" ? userInitiated(world.clock.now()) : reason.message;
  enter(world, region, instance, "stopping", reason);
  leaveLater(world, instance, "stopping", () => halt(world, region, instance));
}

/** Completes a stop at once. */
export function forceStop(world: World, region: Region, instance: Instance): void {
  halt(world, region, instance);
}

/** Begins the end. A stopped instance has nothing left to shut down, so it ends at once (assumed). */
export function terminate(world: World, region: Region, instance: Instance, cause: Cause): void {
  const reason = reasonFor(cause);
  instance.transitionReason = cause === "user_terminate" ? userInitiated(world.clock.now()) : reason.message;
  const wasStopped = instance.state === "stopped";
  enter(world, region, instance, "shutting-down", reason);
  const finish = (): void => end(world, region, instance, reason);
  if (wasStopped && !willStick(world, instance, "shutting-down")) finish();
  else if (!wasStopped) leaveLater(world, instance, "shutting-down", finish);
}

/** Lets an instance go on from the state it is stuck in. @returns false if it isn't stuck. */
export function unstick(world: World, region: Region, instance: Instance): boolean {
  if (!instance.stuck) return false;
  if (instance.state === "pending") run(world, region, instance);
  else if (instance.state === "stopping") halt(world, region, instance);
  else end(world, region, instance, instance.reason);
  return true;
}

function run(world: World, region: Region, instance: Instance): void {
  instance.runningSince = world.clock.now();
  if (instance.launch.spec.publicAddress) instance.publicIp = region.nextPublicIp();
  enter(world, region, instance, "running", null);
}

function halt(world: World, region: Region, instance: Instance): void {
  instance.publicIp = 0;
  enter(world, region, instance, "stopped", instance.reason);
}

function end(world: World, region: Region, instance: Instance, reason: StateReason | null): void {
  instance.publicIp = 0;
  enter(world, region, instance, "terminated", reason);
  releaseAll(world, region, instance);
  world.schedule.plan(world.clock.now() + delayOf(world, "terminatedVisible"), () => {
    region.instances.delete(instance.id);
  });
}

function enter(
  world: World,
  region: Region,
  instance: Instance,
  state: InstanceState,
  reason: StateReason | null,
): void {
  const from = instance.state;
  instance.epoch++;
  instance.stuck = false;
  instance.state = state;
  instance.reason = reason;
  announce(world, region, instance, from);
}

function announce(world: World, region: Region, instance: Instance, from: InstanceState | null): void {
  const { id, state: to } = instance;
  const reason = instance.reason?.code ?? null;
  world.onTransition({ at: world.clock.now(), region: region.name, id, from, to, reason });
}

function leaveLater(
  world: World,
  instance: Instance,
  state: "pending" | "stopping" | "shutting-down",
  next: () => void,
): void {
  if (willStick(world, instance, state)) return;
  const delay = state === "shutting-down" ? "shuttingDown" : state;
  const epoch = instance.epoch;
  world.schedule.plan(world.clock.now() + delayOf(world, delay), () => {
    if (instance.epoch === epoch) next();
  });
}

function willStick(world: World, instance: Instance, state: InstanceState): boolean {
  const stuckState = asStuckState(state);
  if (!stuckState) return false;
  instance.stuck = world.faults.fire("stuck", instanceTarget(instance, { state: stuckState })) !== null;
  return instance.stuck;
}
