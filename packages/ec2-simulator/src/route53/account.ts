import { TokenBuckets } from "../limits/buckets.js";
import { delayOf, type World } from "../world.js";
import { keyOf, normaliseName, type RecordSet } from "./record-set.js";

export interface HostedZone {
  id: string;
  name: string;
  callerReference: string;
  records: Map<string, RecordSet>;
}

export interface Change {
  id: string;
  submittedAt: number;
  syncedAt: number;
}

const CHANGES_KEPT = 10_000;
const NAME_SERVERS = [
  "ns-1.awsdns-01.org.",
  "ns-2.awsdns-02.co.uk.",
  "ns-3.awsdns-03.com.",
  "ns-4.awsdns-04.net.",
];

/** The hosted zones and changes of one account. */
export class DnsAccount {
  readonly zones = new Map<string, HostedZone>();
  readonly buckets = new TokenBuckets();
  readonly #changes = new Map<string, Change>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    for (const [id, name] of Object.entries(world.settings.hostedZones)) this.addZone(name, id, id);
  }

  addZone(name: string, id: string, callerReference: string): HostedZone {
    const zone: HostedZone = { id, name: normaliseName(name), callerReference, records: new Map() };
    for (const record of apexRecords(zone.name)) zone.records.set(keyOf(record), record);
    this.zones.set(id, zone);
    return zone;
  }

  newZoneId(): string {
    return `Z${this.#world.random.hex(20).toUpperCase()}`;
  }

  /** Notes a change that has just been made: `PENDING` until its delay is over. */
  addChange(): Change {
    const now = this.#world.clock.now();
    const id = `C${this.#world.random.hex(20).toUpperCase()}`;
    const change = { id, submittedAt: now, syncedAt: now + delayOf(this.#world, "dnsSync") };
    this.#changes.set(id, change);
    if (this.#changes.size > CHANGES_KEPT) this.#changes.delete(this.#changes.keys().next().value!);
    return change;
  }

  change(id: string): Change | undefined {
    return this.#changes.get(id);
  }
}

/** True for the two record sets that every zone has from the start and always keeps. */
export function isApexRecord(zone: HostedZone, record: Pick<RecordSet, "name" | "type">): boolean {
  return record.name === zone.name && (record.type === "NS" || record.type === "SOA");
}

function apexRecords(name: string): RecordSet[] {
  const common = { name, setIdentifier: null, alias: null, routing: {} };
  const soa = `${NAME_SERVERS[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  return [
    { ...common, type: "NS", ttl: 172_800, values: NAME_SERVERS },
    { ...common, type: "SOA", ttl: 900, values: [soa] },
  ];
}
