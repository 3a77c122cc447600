import type { FaultTarget } from "../faults/fault.js";
import type { Caller } from "../http/caller.js";
import type { Cost } from "../limits/buckets.js";
import { pageNumber } from "./pages.js";
import type { Region } from "./region.js";

type Flat = readonly [string, string][];

/** What a call takes from the token buckets. */
export function costOf(action: string, flat: Flat): Cost {
  const narrowed = flat.some(([name]) => /^(Filter\.|MaxResults$|NextToken$)/.test(name));
  const named = flat.filter(([name]) => name.startsWith("InstanceId.")).length;
  const asked = Number(flat.find(([name]) => name === "MaxCount")?.[1]);
  return { action, narrowed, instances: action === "RunInstances" && asked > 0 ? asked : named };
}

/** What faults are matched against: the zones, types and ids that the request names or that its instances have. */
export function describeTarget(action: string, flat: Flat, caller: Caller, region: Region): FaultTarget {
  const az: string[] = [];
  const type: string[] = [];
  const instance: string[] = [];
  const volume: string[] = [];
  for (const [name, value] of flat) {
    if (/(^|\.)AvailabilityZone$/.test(name)) az.push(value);
    else if (/(^|\.)SubnetId$/.test(name)) az.push(region.network.subnets.get(value)?.az ?? "");
    else if (name === "InstanceType") type.push(value);
    else if (/^i-[0-9a-f]+$/.test(value)) {
      instance.push(value);
      const known = region.instances.get(value);
      if (known) {
        az.push(known.launch.subnet.az);
        type.push(known.type);
      }
    } else if (/^vol-[0-9a-f]+$/.test(value)) {
      volume.push(value);
      az.push(region.volumes.get(value)?.az ?? "");
    }
  }
  const token = flat.find(([name]) => name === "NextToken")?.[1];
  return {
    action,
    key: caller.key,
    region: caller.region,
    az,
    type,
    instance,
    volume,
    page: pageNumber(token, action),
  };
}
