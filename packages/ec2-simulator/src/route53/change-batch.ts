import { isIPv4, isIPv6 } from "node:net";
import { AwsError } from "../errors.js";
import { isApexRecord, type HostedZone } from "./account.js";
import { keyOf, normaliseName, sameContent, type RecordSet } from "./record-set.js";
import type { Fields } from "./read-body.js";

type Action = "CREATE" | "DELETE" | "UPSERT";

export interface RecordChange {
  action: Action;
  record: RecordSet;
}

const MAX_CHANGES = 1_000;
const ACTIONS: readonly string[] = ["CREATE", "DELETE", "UPSERT"] satisfies Action[];
const TYPES: ReadonlySet<string> = new Set(
  "SOA A TXT NS CNAME MX NAPTR PTR SRV SPF AAAA CAA DS TLSA SSHFP SVCB HTTPS".split(" "),
);
const ROUTING = ["Weight", "Region", "Failover", "MultiValueAnswer", "HealthCheckId"];

/** Several things wrong with one batch; nothing of it was done. */
export class InvalidChangeBatch extends AwsError {
  readonly messages: readonly string[];

  constructor(messages: readonly string[]) {
    super("InvalidChangeBatch", `[${messages.join(", ")}]`);
    this.messages = messages;
  }
}

export function readChanges(body: Fields): RecordChange[] {
  const changes = body.group("ChangeBatch").group("Changes").list("Change");
  if (changes.length === 0) throw new AwsError("InvalidInput", "Invalid XML ; the batch has no changes");
  if (changes.length > MAX_CHANGES)
    throw new InvalidChangeBatch([`Number of records limit of ${MAX_CHANGES} exceeded.`]);
  return changes.map((change) => {
    const action = change.required("Action");
    if (!ACTIONS.includes(action))
      throw new AwsError("InvalidInput", `Invalid XML ; Action is '${action.slice(0, 50)}'`);
    return { action: action as Action, record: readRecordSet(change.group("ResourceRecordSet")) };
  });
}

/**
 * Applies all changes or, if one can't be, none.
 * @throws InvalidChangeBatch with a message for each that can't.
 */
export function applyChanges(zone: HostedZone, changes: readonly RecordChange[]): void {
  const draft = new Map(zone.records);
  const problems = changes.flatMap((change) => applyChange(zone, draft, change) ?? []);
  if (problems.length > 0) throw new InvalidChangeBatch(problems);
  zone.records = draft;
}

/** What is wrong with the change, else null; the draft has it then. */
function applyChange(zone: HostedZone, draft: Map<string, RecordSet>, change: RecordChange): string | null {
  const { action, record } = change;
  const invalid = problemWith(zone, record);
  if (invalid !== null) return invalid;
  const current = draft.get(keyOf(record));
  const described = describe(record);
  if (action === "DELETE") {
    if (!current) return `Tried to delete ${described} but it was not found`;
    if (!sameContent(current, record))
      return `Tried to delete ${described} but the values provided do not match the current values`;
    if (isApexRecord(zone, record))
      return `A HostedZone must contain at least one NS record for the zone itself and exactly one SOA record.`;
    draft.delete(keyOf(record));
    return null;
  }
  if (action === "CREATE" && current) return `Tried to create ${described} but it already exists`;
  const conflict = [...draft.values()].some(
    (other) =>
      other.name === record.name &&
      other.type !== record.type &&
      (other.type === "CNAME" || record.type === "CNAME"),
  );
  if (conflict)
    return `RRSet of type ${record.type} with DNS name ${record.name} is not permitted as it conflicts with other records with the same DNS name in zone ${zone.name}`;
  draft.set(keyOf(record), record);
  return null;
}

function problemWith(zone: HostedZone, record: RecordSet): string | null {
  if (record.name !== zone.name && !record.name.endsWith(`.${zone.name}`))
    return `RRSet with DNS name ${record.name} is not permitted in zone ${zone.name}`;
  if (record.name.length > 1_024 || record.name.split(".").some((label) => label.length > 63 * 4))
    return `Invalid Resource Record: DNS name ${record.name.slice(0, 80)} is too long`;
  if (record.type === "CNAME" && record.name === zone.name)
    return `RRSet of type CNAME with DNS name ${record.name} is not permitted at apex in zone ${zone.name}`;
  const bad = record.values.find((value) => !isValidValue(record.type, value));
  if (bad !== undefined)
    return `Invalid Resource Record: 'FATAL problem: ${record.type} value is not valid' encountered with '${bad.slice(0, 80)}'`;
  return new Set(record.values).size < record.values.length
    ? `Duplicate Resource Record: '${record.values[0] ?? ""}'`
    : null;
}

function isValidValue(type: string, value: string): boolean {
  if (type === "A") return isIPv4(value);
  if (type === "AAAA") return isIPv6(value);
  if (type === "TXT" || type === "SPF") return /^("([^"\\]|\\.)*"\s*)+$/.test(value);
  return value !== "";
}

function readRecordSet(fields: Fields): RecordSet {
  const type = fields.required("Type");
  if (!TYPES.has(type)) throw new AwsError("InvalidInput", `Invalid XML ; Type is '${type.slice(0, 50)}'`);
  const alias = fields.has("AliasTarget") ? fields.group("AliasTarget") : null;
  const records = fields.has("ResourceRecords") ? fields.group("ResourceRecords").list("ResourceRecord") : [];
  const ttl = fields.text("TTL");
  if (alias ? records.length > 0 || ttl !== undefined : records.length === 0 || ttl === undefined)
    throw new AwsError(
      "InvalidInput",
      "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]",
    );
  if (ttl !== undefined && !(/^\d{1,10}$/.test(ttl) && Number(ttl) < 2 ** 31))
    throw new AwsError("InvalidInput", `Invalid XML ; TTL is '${ttl.slice(0, 50)}'`);
  const routing = ROUTING.flatMap((name) => {
    const value = fields.text(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const setIdentifier = fields.text("SetIdentifier") ?? null;
  if (setIdentifier === null && routing.some(([name]) => name !== "HealthCheckId"))
    throw new AwsError("InvalidInput", "Invalid request: Missing field 'SetIdentifier' in Change");
  return {
    name: normaliseName(fields.required("Name")),
    type,
    setIdentifier,
    ttl: ttl === undefined ? null : Number(ttl),
    values: records.map((record) => record.required("Value")),
    alias: alias && {
      zoneId: alias.required("HostedZoneId"),
      dnsName: alias.required("DNSName"),
      evaluateHealth: alias.required("EvaluateTargetHealth"),
    },
    routing: Object.fromEntries(routing),
  };
}

function describe({ name, type, setIdentifier }: RecordSet): string {
  const identifier = setIdentifier === null ? "" : `, set identifier='${setIdentifier}'`;
  return `resource record set [name='${name}', type='${type}'${identifier}]`;
}
