import { formatIp, isAlive, type Instance, type Volume } from "../ec2/instance.js";
import type { Region } from "../ec2/region.js";
import { isApexRecord, type HostedZone } from "../route53/account.js";
import type { RecordSet } from "../route53/record-set.js";
import type { Simulator } from "../simulator.js";

/** How much there is. `instances` and `volumes` are those that cost money: not terminated, not deleted. */
export interface Counts {
  instances: number;
  volumes: number;
  /** Route53 record sets besides the NS and SOA that every zone has. */
  records: number;
  instancesByState: Record<string, number>;
  volumesByState: Record<string, number>;
}

export function countAll(sim: Simulator): Counts {
  const counts: Counts = { instances: 0, volumes: 0, records: 0, instancesByState: {}, volumesByState: {} };
  for (const region of sim.regions()) {
    for (const instance of region.instances.values()) {
      if (isAlive(instance)) counts.instances++;
      counts.instancesByState[instance.state] = (counts.instancesByState[instance.state] ?? 0) + 1;
    }
    for (const volume of region.volumes.values()) {
      counts.volumes++;
      counts.volumesByState[volume.state] = (counts.volumesByState[volume.state] ?? 0) + 1;
    }
  }
  for (const [zone, record] of allRecords(sim)) if (!isApexRecord(zone, record)) counts.records++;
  return counts;
}

/** Everything that exists, terminated instances that can still be described included. */
export function viewAll(sim: Simulator) {
  return {
    instances: sim.regions().flatMap((region) => map(region.instances, (one) => viewInstance(one, region))),
    volumes: sim.regions().flatMap((region) => map(region.volumes, (one) => viewVolume(one, region))),
    records: allRecords(sim)
      .filter(([zone, record]) => !isApexRecord(zone, record))
      .map(([zone, record]) => viewRecord(zone, record)),
    zones: sim.dnsAccounts().flatMap((dns) => map(dns.zones, ({ id, name }) => ({ id, name }))),
    subnets: sim
      .regions()
      .flatMap((region) => map(region.network.subnets, ({ id, az }) => ({ id, az, region: region.name }))),
  };
}

export function viewInstance(instance: Instance, region: Region) {
  return {
    id: instance.id,
    account: region.account,
    region: region.name,
    az: instance.launch.subnet.az,
    type: instance.type,
    state: instance.state,
    stuck: instance.stuck,
    reason: instance.reason?.code ?? null,
    spot: instance.launch.spec.spot?.type ?? null,
    protected: instance.protected,
    clientToken: instance.launch.clientToken,
    launchedAt: new Date(instance.launchedAt).toISOString(),
    privateIp: formatIp(instance.privateIp),
    publicIp: instance.publicIp ? formatIp(instance.publicIp) : null,
    hasUserData: instance.userData !== null,
    volumes: instance.volumes.map(({ id }) => id),
    tags: Object.fromEntries(instance.tags),
  };
}

export function viewVolume(volume: Volume, region: Region) {
  return {
    id: volume.id,
    account: region.account,
    region: region.name,
    az: volume.az,
    state: volume.state,
    stuck: volume.stuck,
    size: volume.shape.size,
    instance: volume.attachment?.instance.id ?? null,
    device: volume.attachment?.device ?? null,
    attachment: volume.attachment?.state ?? null,
    deleteOnTermination: volume.attachment?.deleteOnTermination ?? false,
    tags: Object.fromEntries(volume.tags),
  };
}

function viewRecord(zone: HostedZone, { name, type, ttl, values, setIdentifier }: RecordSet) {
  return { zone: zone.id, name, type, ttl, values, setIdentifier };
}

function allRecords(sim: Simulator): [HostedZone, RecordSet][] {
  return sim
    .dnsAccounts()
    .flatMap((dns) => [...dns.zones.values()])
    .flatMap((zone) => [...zone.records.values()].map((record): [HostedZone, RecordSet] => [zone, record]));
}

function map<Value, Result>(values: ReadonlyMap<string, Value>, view: (value: Value) => Result): Result[] {
  return [...values.values()].map(view);
}
