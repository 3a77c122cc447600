import { AwsError } from "../errors.js";
import type { FaultTarget } from "../faults/fault.js";
import type { World } from "../world.js";
import type { Subnet } from "./zones.js";

/**
 * A subnet whose zone has capacity for the type; the search begins at a random one, as AWS doesn't prefer any.
 * @throws AwsError `InsufficientInstanceCapacity`, HTTP 500 (docs/ec2-facts.md, SDK v3 client).
 */
export function chooseSubnet(
  world: World,
  target: FaultTarget,
  type: string,
  subnets: readonly Subnet[],
): Subnet {
  const first = subnets.length > 1 ? Math.floor(world.random.fraction() * subnets.length) : 0;
  const order = [...subnets.slice(first), ...subnets.slice(0, first)];
  const found = order.find(({ az }) => !lacksCapacity(world, target, type, az));
  if (found) return found;
  const zones = order.map(({ az }) => az);
  throw new AwsError(
    "InsufficientInstanceCapacity",
    `We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zones.join(", ")}). ` +
      "Our system will be working on provisioning additional capacity.",
  );
}

/** @throws AwsError if the zone, which can't be chosen any more, has no capacity to start the instance. */
export function checkCapacity(world: World, target: FaultTarget, type: string, az: string): void {
  if (lacksCapacity(world, target, type, az))
    throw new AwsError(
      "InsufficientInstanceCapacity",
      `Insufficient capacity to start ${type} in ${az}. Try again later.`,
    );
}

function lacksCapacity(world: World, target: FaultTarget, type: string, az: string): boolean {
  return world.faults.fire("capacity", { ...target, type: [type], az: [az] }) !== null;
}
