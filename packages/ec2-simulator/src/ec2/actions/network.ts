import { AwsError, invalidValue } from "../../errors.js";
import { stopIfDryRun, type Action } from "../action.js";
import { compileFilters, type FilterFields } from "../filters.js";
import { cutPage, readPage } from "../pages.js";
import type { Region } from "../region.js";
import { Tags } from "../tags.js";
import type { Subnet, Zone } from "../zones.js";

const NO_TAGS = new Tags();

type ListedSubnet = Subnet & { seq: number; tags: Tags };

const SUBNET_FILTERS: FilterFields<ListedSubnet> = {
  "subnet-id": ({ id }) => id,
  "vpc-id": ({ vpcId }) => vpcId,
  "availability-zone": ({ az }) => az,
  "default-for-az": ({ isDefault }) => String(isDefault),
  "cidr-block": ({ cidr }) => cidr,
  cidr: ({ cidr }) => cidr,
  state: () => "available",
};

export const describeSubnets: Action = {
  accepts: ["DryRun", "Filter", "MaxResults", "NextToken", "SubnetId"],
  ignores: [],
  run(context) {
    const { request, region, name } = context;
    const ids = request.list("SubnetId");
    for (const id of ids)
      if (!region.network.subnets.has(id))
        throw new AwsError("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`);
    const pageRequest = readPage(request, name, "SubnetId");
    const filters = compileFilters(request, SUBNET_FILTERS);
    const selected = [...region.network.subnets.values()]
      .map((subnet, index) => ({ ...subnet, seq: index + 1, tags: NO_TAGS }))
      .filter((subnet) => (ids.length === 0 || ids.includes(subnet.id)) && filters.matches(subnet));
    const page = cutPage(selected, pageRequest, name);
    stopIfDryRun(context);
    return {
      subnetSet: page.things.map((subnet) => presentSubnet(subnet, region)),
      nextToken: page.nextToken,
    };
  },
};

const ZONE_FILTERS: FilterFields<Zone & { tags: Tags; region: string }> = {
  "zone-name": ({ name }) => name,
  "zone-id": ({ id }) => id,
  "region-name": ({ region }) => region,
  "group-name": ({ region }) => region,
  "zone-type": () => "availability-zone",
  "opt-in-status": () => "opt-in-not-required",
  state: () => "available",
};

export const describeAvailabilityZones: Action = {
  accepts: ["AllAvailabilityZones", "DryRun", "Filter", "ZoneId", "ZoneName"],
  ignores: [],
  run(context) {
    const { request, region } = context;
    const { zones } = region.network;
    const [names, ids] = [request.list("ZoneName"), request.list("ZoneId")];
    const unknown =
      names.find((name) => !zones.some((zone) => zone.name === name)) ??
      ids.find((id) => !zones.some((zone) => zone.id === id));
    if (unknown !== undefined) throw invalidValue("availabilityZone", unknown, "Invalid availability zone.");
    const filters = compileFilters(request, ZONE_FILTERS);
    stopIfDryRun(context);
    return {
      availabilityZoneInfo: zones
        .map((zone) => ({ ...zone, region: region.name, tags: NO_TAGS }))
        .filter((zone) => names.length === 0 || names.includes(zone.name))
        .filter((zone) => ids.length === 0 || ids.includes(zone.id))
        .filter((zone) => filters.matches(zone))
        .map((zone) => ({
          zoneState: "available",
          optInStatus: "opt-in-not-required",
          messageSet: [],
          regionName: region.name,
          zoneName: zone.name,
          zoneId: zone.id,
          groupName: region.name,
          networkBorderGroup: region.name,
          zoneType: "availability-zone",
        })),
    };
  },
};

function presentSubnet(subnet: ListedSubnet, region: Region) {
  return {
    subnetId: subnet.id,
    subnetArn: `arn:aws:ec2:${region.name}:${region.account}:subnet/${subnet.id}`,
    state: "available",
    vpcId: subnet.vpcId,
    cidrBlock: subnet.cidr,
    ownerId: region.account,
    availableIpAddressCount: 1_000_000,
    availabilityZone: subnet.az,
    availabilityZoneId: region.network.zones.find(({ name }) => name === subnet.az)?.id,
    defaultForAz: subnet.isDefault,
    mapPublicIpOnLaunch: true,
    tagSet: [],
  };
}
