import { AwsError, invalidValue } from "../errors.js";
import type { Reader } from "../query/reader.js";
import type { Region } from "./region.js";
import type { Network, Subnet } from "./zones.js";

/** The subnets a launch may go to: the one it asks for, or the default one of each zone. */
export function readPlacement(request: Reader, region: Region): Subnet[] {
  const { network } = region;
  const zone = readZone(request, network);
  const [networkInterface] = request.groups("NetworkInterface");
  const ofInterface = networkInterface?.string("SubnetId");
  const ofInstance = request.string("SubnetId");
  if (networkInterface && ofInstance !== undefined)
    throw new AwsError(
      "InvalidParameterCombination",
      "Network interfaces and an instance-level subnet ID may not be specified on the same request",
    );
  const subnetId = ofInterface ?? ofInstance;
  if (subnetId === undefined)
    return [...network.subnets.values()].filter(({ isDefault, az }) => isDefault && az === (zone ?? az));
  const subnet = network.subnets.get(subnetId);
  if (!subnet) throw new AwsError("InvalidSubnetID.NotFound", `The subnet ID '${subnetId}' does not exist`);
  if (zone !== undefined && subnet.az !== zone)
    throw new AwsError(
      "InvalidParameterCombination",
      `The availability zone '${zone}' does not match the availability zone of the subnet '${subnet.az}'`,
    );
  return [subnet];
}

/** The security groups of a launch, from the instance or its first network interface. */
export function readSecurityGroups(request: Reader): string[] {
  const [networkInterface] = request.groups("NetworkInterface");
  const ofInstance = request.list("SecurityGroupId");
  if (networkInterface && ofInstance.length > 0)
    throw new AwsError(
      "InvalidParameterCombination",
      "Network interfaces and an instance-level security groups may not be specified on the same request",
    );
  const groups = networkInterface?.list("SecurityGroupId") ?? ofInstance;
  for (const id of groups)
    if (!/^sg-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(id))
      throw new AwsError("InvalidGroupId.Malformed", `Invalid id: "${id}" (expecting "sg-...")`);
  return groups;
}

/** A zone by name. @throws AwsError if the Region has none of that name. */
export function checkZone(name: string, network: Network): string {
  if (network.zones.some((zone) => zone.name === name)) return name;
  throw new AwsError("InvalidZone.NotFound", `The zone '${name}' does not exist.`);
}

function readZone(request: Reader, network: Network): string | undefined {
  const placement = request.group("Placement");
  const name = placement?.string("AvailabilityZone");
  const id = placement?.string("AvailabilityZoneId");
  if (id !== undefined) {
    const zone = network.zones.find((candidate) => candidate.id === id);
    if (!zone) throw new AwsError("InvalidZone.NotFound", `The zone '${id}' does not exist.`);
    return zone.name;
  }
  if (name === undefined) return undefined;
  if (!network.zones.some((zone) => zone.name === name))
    throw invalidValue("availabilityZone", name, `Invalid availability zone: [${name}]`);
  return name;
}
