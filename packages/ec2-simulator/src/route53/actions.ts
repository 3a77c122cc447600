import { AwsError } from "../errors.js";
import type { World } from "../world.js";
import type { XmlDocument, XmlFields } from "../xml/write.js";
import { isApexRecord, type Change, type DnsAccount, type HostedZone } from "./account.js";
import { applyChanges, readChanges } from "./change-batch.js";
import { listRecords } from "./list-records.js";
import { readBody } from "./read-body.js";

export interface DnsCall {
  readonly world: World;
  readonly account: DnsAccount;
  /** The zone's or change's id in the path, if there is one. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly effects: string[];
}

export interface DnsAction {
  readonly name: string;
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: RegExp;
  /** Status of a success. */
  readonly status: number;
  run(call: DnsCall): XmlDocument;
}

/** The calls of Route53 that are answered. */
export const DNS_ACTIONS: readonly DnsAction[] = [
  {
    name: "ChangeResourceRecordSets",
    method: "POST",
    path: /^\/2013-04-01\/hostedzone\/([^/]+)\/rrset\/?$/,
    status: 200,
    run({ world, account, id, body, effects }) {
      const zone = findZone(account, id);
      const changes = readChanges(readBody(body, "ChangeResourceRecordSetsRequest"));
      applyChanges(zone, changes);
      for (const { action, record } of changes) effects.push(`${action} ${record.name} ${record.type}`);
      return { ChangeInfo: presentChange(account.addChange(), world.clock.now()) };
    },
  },
  {
    name: "ListResourceRecordSets",
    method: "GET",
    path: /^\/2013-04-01\/hostedzone\/([^/]+)\/rrset\/?$/,
    status: 200,
    run: ({ account, id, query }) => listRecords(findZone(account, id), query),
  },
  {
    name: "GetChange",
    method: "GET",
    path: /^\/2013-04-01\/change\/([^/]+)$/,
    status: 200,
    run({ world, account, id }) {
      const change = account.change(id);
      if (!change) throw new AwsError("NoSuchChange", `Could not find resource with ID: ${id}`);
      return { ChangeInfo: presentChange(change, world.clock.now()) };
    },
  },
  {
    name: "CreateHostedZone",
    method: "POST",
    path: /^\/2013-04-01\/hostedzone\/?()$/,
    status: 201,
    run({ world, account, body, effects }) {
      const request = readBody(body, "CreateHostedZoneRequest");
      const reference = request.required("CallerReference");
      if ([...account.zones.values()].some(({ callerReference }) => callerReference === reference))
        throw new AwsError(
          "HostedZoneAlreadyExists",
          "A hosted zone has already been created with this reference",
          409,
        );
      const zone = account.addZone(request.required("Name"), account.newZoneId(), reference);
      effects.push(`created zone ${zone.id}`);
      const ChangeInfo = presentChange(account.addChange(), world.clock.now());
      return { HostedZone: presentZone(zone), ChangeInfo };
    },
  },
  {
    name: "GetHostedZone",
    method: "GET",
    path: /^\/2013-04-01\/hostedzone\/([^/]+)$/,
    status: 200,
    run: ({ account, id }) => ({ HostedZone: presentZone(findZone(account, id)) }),
  },
  {
    name: "DeleteHostedZone",
    method: "DELETE",
    path: /^\/2013-04-01\/hostedzone\/([^/]+)$/,
    status: 200,
    run({ world, account, id, effects }) {
      const zone = findZone(account, id);
      if ([...zone.records.values()].some((record) => !isApexRecord(zone, record)))
        throw new AwsError(
          "HostedZoneNotEmpty",
          "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        );
      account.zones.delete(zone.id);
      effects.push(`deleted zone ${zone.id}`);
      return { ChangeInfo: presentChange(account.addChange(), world.clock.now()) };
    },
  },
];

function findZone(account: DnsAccount, id: string): HostedZone {
  const zone = account.zones.get(id);
  if (!zone) throw new AwsError("NoSuchHostedZone", `No hosted zone found with ID: ${id.slice(0, 100)}`);
  return zone;
}

function presentZone(zone: HostedZone): XmlFields {
  return {
    Id: `/hostedzone/${zone.id}`,
    Name: zone.name,
    CallerReference: zone.callerReference,
    Config: { PrivateZone: false },
    ResourceRecordSetCount: zone.records.size,
  };
}

function presentChange(change: Change, now: number): XmlFields {
  return {
    Id: `/change/${change.id}`,
    Status: now >= change.syncedAt ? "INSYNC" : "PENDING",
    SubmittedAt: new Date(change.submittedAt),
  };
}
