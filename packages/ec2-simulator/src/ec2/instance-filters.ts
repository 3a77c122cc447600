import type { FilterFields } from "./filters.js";
import { formatIp, type Instance } from "./instance.js";
import { privateDnsName, publicDnsName } from "./present/instance.js";
import type { Region } from "./region.js";
import { INSTANCE_STATE_CODES } from "./states.js";

/** The filters of DescribeInstances that can be answered. A terminated instance has no network any more. */
export function instanceFilters(region: Region): FilterFields<Instance> {
  const present = (read: (instance: Instance) => string): ((instance: Instance) => string | null) => {
    return (instance) => (instance.state === "terminated" ? null : read(instance));
  };
  return {
    "instance-id": ({ id }) => id,
    "instance-state-name": ({ state }) => state,
    "instance-state-code": ({ state }) => String(INSTANCE_STATE_CODES[state]),
    "instance-type": ({ type }) => type,
    "instance-lifecycle": ({ launch }) => (launch.spec.spot ? "spot" : null),
    "image-id": ({ launch }) => launch.spec.imageId,
    "availability-zone": ({ launch }) => launch.subnet.az,
    "subnet-id": present(({ launch }) => launch.subnet.id),
    "vpc-id": present(({ launch }) => launch.subnet.vpcId),
    "network-interface.subnet-id": present(({ launch }) => launch.subnet.id),
    "client-token": ({ launch }) => launch.clientToken,
    "reservation-id": ({ launch }) => launch.reservationId,
    "owner-id": () => region.account,
    "key-name": ({ launch }) => launch.spec.keyName,
    "instance.group-id": ({ launch }) => launch.spec.securityGroups,
    "launch-time": ({ launchedAt }) => new Date(launchedAt).toISOString(),
    "launch-index": ({ index }) => String(index),
    "private-ip-address": present(({ privateIp }) => formatIp(privateIp)),
    "private-dns-name": present((instance) => privateDnsName(instance, region)),
    "ip-address": ({ publicIp }) => (publicIp ? formatIp(publicIp) : null),
    "dns-name": (instance) => publicDnsName(instance, region),
    "state-reason-code": ({ reason }) => reason?.code ?? null,
    reason: ({ transitionReason }) => transitionReason,
    "root-device-name": ({ launch }) => launch.spec.rootDevice,
    "root-device-type": () => "ebs",
    "spot-instance-request-id": ({ spotRequestId }) => spotRequestId,
    "block-device-mapping.volume-id": ({ volumes }) => volumes.map(({ id }) => id),
    "block-device-mapping.device-name": ({ volumes }) =>
      volumes.map(({ attachment }) => attachment?.device ?? ""),
    "block-device-mapping.status": ({ volumes }) => volumes.map(({ attachment }) => attachment?.state ?? ""),
    "metadata-options.http-tokens": ({ launch }) => launch.spec.metadata.httpTokens,
    tenancy: ({ launch }) => launch.spec.tenancy,
    architecture: () => "x86_64",
    hypervisor: () => "xen",
    "virtualization-type": () => "hvm",
  };
}
