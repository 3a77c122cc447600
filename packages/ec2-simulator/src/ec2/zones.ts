import { createHash } from "node:crypto";
import type { Settings } from "../settings.js";

export interface Zone {
  name: string;
  id: string;
}

export interface Subnet {
  id: string;
  az: string;
  vpcId: string;
  cidr: string;
  /** The one that a launch into the zone without a subnet gets. */
  isDefault: boolean;
}

/** Zones and subnets of one account and Region. Fixed ids, so that a configuration can name them. */
export interface Network {
  vpcId: string;
  /** The default one of the VPC. */
  securityGroupId: string;
  zones: readonly Zone[];
  subnets: ReadonlyMap<string, Subnet>;
}

export function networkOf(account: string, region: string, settings: Settings): Network {
  const vpcId = fixedId("vpc", account, region);
  const zones = settings.zones.map((letter, index) => ({
    name: `${region}${letter}`,
    id: `${shortRegion(region)}-az${index + 1}`,
  }));
  const subnets = new Map<string, Subnet>();
  for (const [index, zone] of zones.entries()) {
    const id = fixedId("subnet", account, zone.name);
    subnets.set(id, { id, az: zone.name, vpcId, cidr: `10.${16 * index}.0.0/12`, isDefault: true });
  }
  for (const [id, az] of Object.entries(settings.subnets)) {
    const index = zones.findIndex((zone) => zone.name === az);
    if (index >= 0) subnets.set(id, { id, az, vpcId, cidr: `10.${16 * index}.0.0/12`, isDefault: false });
  }
  return { vpcId, securityGroupId: fixedId("sg", account, region), zones, subnets };
}

/** The same for the same arguments, in every run. */
export function fixedId(prefix: string, ...parts: string[]): string {
  const hash = createHash("sha256").update([prefix, ...parts].join("/"));
  return `${prefix}-0${hash.digest("hex").slice(0, 16)}`;
}

/** `eu-west-1` → `euw1`, as zone ids write it. */
function shortRegion(region: string): string {
  const [area = "", ...rest] = region.split("-");
  return area + rest.map((part) => part[0] ?? "").join("");
}
