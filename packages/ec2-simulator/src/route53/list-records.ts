import { AwsError } from "../errors.js";
import { XmlList, type XmlDocument, type XmlFields } from "../xml/write.js";
import type { HostedZone } from "./account.js";
import { compareRecords, normaliseName, type RecordSet } from "./record-set.js";

const MAX_ITEMS = 300;

/** A page of the zone's record sets, in Route53's order, from the name, type and identifier of the query. */
export function listRecords(zone: HostedZone, query: URLSearchParams): XmlDocument {
  const maxItems = readMaxItems(query.get("maxitems"));
  const records = [...zone.records.values()].toSorted(compareRecords);
  const start = readStart(query);
  const first = start ? records.findIndex((record) => compareRecords(record, start) >= 0) : 0;
  const rest = first < 0 ? [] : records.slice(first);
  const next = rest[maxItems];
  return {
    ResourceRecordSets: new XmlList("ResourceRecordSet", rest.slice(0, maxItems).map(present)),
    IsTruncated: next !== undefined,
    NextRecordName: next?.name,
    NextRecordType: next?.type,
    NextRecordIdentifier: next?.setIdentifier,
    MaxItems: maxItems,
  };
}

function readMaxItems(value: string | null): number {
  if (value === null || value === "") return MAX_ITEMS;
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new AwsError("InvalidInput", "maxitems must be a positive number");
  return Math.min(MAX_ITEMS, Number(value));
}

function readStart(query: URLSearchParams): Pick<RecordSet, "name" | "type" | "setIdentifier"> | null {
  const name = query.get("name");
  const type = query.get("type");
  const setIdentifier = query.get("identifier");
  if (!name && type) throw new AwsError("InvalidInput", "A type needs a name as well");
  if (!type && setIdentifier)
    throw new AwsError("InvalidInput", "An identifier needs a name and a type as well");
  return name ? { name: normaliseName(name), type: type ?? "", setIdentifier } : null;
}

function present(record: RecordSet): XmlFields {
  return {
    Name: record.name,
    Type: record.type,
    SetIdentifier: record.setIdentifier,
    ...record.routing,
    TTL: record.ttl,
    ResourceRecords: record.alias
      ? undefined
      : new XmlList(
          "ResourceRecord",
          record.values.map((Value) => ({ Value })),
        ),
    AliasTarget: record.alias
      ? {
          HostedZoneId: record.alias.zoneId,
          DNSName: record.alias.dnsName,
          EvaluateTargetHealth: record.alias.evaluateHealth,
        }
      : undefined,
  };
}
