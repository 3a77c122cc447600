import {
  ChangeResourceRecordSetsCommand,
  type Change,
  ListResourceRecordSetsCommand,
  type ListResourceRecordSetsRequest,
  type ResourceRecordSet,
} from "@aws-sdk/client-route-53";
import type { Dns, InstanceRef, OwnedResource, VolumeRef } from "../backend.js";
import type { Details } from "../details.js";
import { BackendError } from "../backend-error.js";
import type { Owner } from "../../domain/owner.js";
import { send } from "./aws.js";
import { type Caller, callerOf, type Ec2 } from "./context.js";
import { failureOf } from "./failure.js";
import { findInstances } from "./identity.js";
import { DEPLOYMENT, INSTALLATION, WORKSPACE } from "./tags.js";
import { addressOf, urlOf } from "./url.js";

const TTL_S = 60;

/**
 * An A record for each workspace, and beside it in the same atomic change a TXT record that says whose it is and
 * what it was set to: so a record that somebody has pointed elsewhere since is told from one of ours whose
 * last change was never recorded here (I10).
 */
export function createDns(ec2: Ec2, { zoneId, suffix }: { zoneId: string; suffix: string }): Dns {
  return {
    nameOf: (workspaceId) => `ws-${workspaceId}.${suffix}`,
    async publish(record, instance, options) {
      const caller = callerOf(options, "user");
      const { value, url } = await addressNow(ec2, instance, record.name, caller);
      await change(ec2, zoneId, recordsOf(ec2, record, value, "UPSERT"), caller);
      return { providerId: `${zoneId}/${record.name}`, url, details: { zone: zoneId, value } };
    },
    listOwned: (options) => listMarks(ec2, { zoneId, suffix }, callerOf(options, "reconcile")),
    async remove(record, options) {
      const zone = zoneOf(record.details) ?? zoneId;
      return removeRecord(ec2, zone, record, callerOf(options, "delete"));
    },
  };
}

/**
 * Each mark of this installation, and each of this deployment that names none, is a record, whatever the A record beside it says. Records come in the order of
 * their labels from the right, so those under the suffix follow one another.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html
 */
async function listMarks(
  ec2: Ec2,
  { zoneId, suffix }: { zoneId: string; suffix: string },
  caller: Caller,
): Promise<OwnedResource[]> {
  const { deploymentId, installationId } = ec2.options;
  const marker = new RegExp(
    `^"${DEPLOYMENT}=${deploymentId},(?:${INSTALLATION}=(${installationId}),)?${WORKSPACE}=([0-9a-f-]{36}) `,
  );
  const found: OwnedResource[] = [];
  let start: Pick<
    ListResourceRecordSetsRequest,
    "StartRecordName" | "StartRecordType" | "StartRecordIdentifier"
  > = {
    StartRecordName: suffix,
  };
  for (;;) {
    const page = await send(
      ec2.aws,
      ec2.aws.dns,
      new ListResourceRecordSetsCommand({ HostedZoneId: zoneId, MaxItems: PAGE, ...start }),
      { what: `list the records of zone ${zoneId}`, ...caller },
    );
    for (const { Name, Type, ResourceRecords: [first] = [] } of page.ResourceRecordSets ?? []) {
      const name = /^_berth\.(.+?)\.?$/.exec(Name ?? "")?.[1];
      const [, installation = null, workspaceId] = (Type === "TXT" && marker.exec(first?.Value ?? "")) || [];
      if (name === undefined || workspaceId === undefined) continue;
      const providerId = `${zoneId}/${name}`;
      found.push({
        kind: "dns_record",
        providerId,
        name,
        workspaceId,
        generation: null,
        installation,
        createdAt: null,
        state: "stopped",
      });
    }
    const { NextRecordName, NextRecordType, NextRecordIdentifier } = page;
    if (page.IsTruncated !== true || NextRecordName === undefined) return found;
    // "/" comes right after ".": nothing under the suffix comes after this.
    if (fromTheRight(NextRecordName) > `${fromTheRight(suffix)}/`) return found;
    start = {
      StartRecordName: NextRecordName,
      StartRecordType: NextRecordType,
      StartRecordIdentifier: NextRecordIdentifier,
    };
  }
}

const PAGE = 300;

function fromTheRight(name: string): string {
  return name.toLowerCase().replace(/\.$/, "").split(".").toReversed().join(".");
}

async function addressNow(ec2: Ec2, ref: InstanceRef, name: string, caller: Caller) {
  const { things } = await findInstances(ec2, ref, caller);
  const instance = things.findLast(({ state }) => state === "running");
  const value = instance === undefined ? null : addressOf(ec2.options, instance);
  if (instance === undefined || value === null)
    throw new BackendError(
      "backend_failed",
      "transient",
      `${ref.providerId ?? ref.name} has no ${ec2.options.address} address to point ${name} at`,
    );
  return { value, url: urlOf(ec2.options, instance, name) };
}

/** First as we left it, which is one call; only if it is otherwise, it is read. @throws BackendError */
async function removeRecord(ec2: Ec2, zone: string, record: VolumeRef, caller: Caller): Promise<"gone"> {
  const { value } = record.details;
  if (
    typeof value === "string" &&
    (await changed(ec2, zone, recordsOf(ec2, record, value, "DELETE"), caller))
  )
    return "gone";
  for (let attempt = 0; attempt < MAX_LOOKS; attempt++) {
    const records = await read(ec2, zone, record, caller);
    const changes = [markerOf(ec2.options, record), unsignedMarkerOf(ec2.options, record)]
      .flatMap((marker) => removable(records, marker))
      .map((set): Change => ({
        Action: "DELETE",
        ResourceRecordSet: set,
      }));
    if (changes.length === 0 || (await changed(ec2, zone, changes, caller))) return "gone";
  }
  throw new BackendError("backend_failed", "transient", `the records of ${record.name} change all the time`);
}

const MAX_LOOKS = 5;

/** Our mark, and the record if the mark says that its present value is ours. */
function removable(records: readonly ResourceRecordSet[], marker: string): ResourceRecordSet[] {
  const mark = records.find(
    ({ Type, ResourceRecords: [first] = [] }) => Type === "TXT" && first?.Value?.startsWith(`"${marker} `),
  );
  if (mark === undefined) return [];
  const ours = mark.ResourceRecords?.[0]?.Value?.slice(marker.length + 2, -1);
  return records.filter(
    (set) =>
      set === mark ||
      (set.Type === "A" && set.ResourceRecords?.length === 1 && set.ResourceRecords[0]?.Value === ours),
  );
}

async function read(
  ec2: Ec2,
  zone: string,
  { name }: VolumeRef,
  caller: Caller,
): Promise<ResourceRecordSet[]> {
  const at = async (start: string, type: "A" | "TXT"): Promise<ResourceRecordSet[]> => {
    const { ResourceRecordSets = [] } = await send(
      ec2.aws,
      ec2.aws.dns,
      new ListResourceRecordSetsCommand({
        HostedZoneId: zone,
        StartRecordName: start,
        StartRecordType: type,
        MaxItems: 1,
      }),
      { what: `read ${start}`, ...caller },
    );
    return ResourceRecordSets.filter(
      (set) => set.Type === type && sameName(set.Name, start) && set.SetIdentifier === undefined,
    );
  };
  return [...(await at(name, "A")), ...(await at(markName(name), "TXT"))];
}

/** False if a record is otherwise than the changes say, or not there: then nothing was changed. */
async function changed(ec2: Ec2, zone: string, changes: Change[], caller: Caller): Promise<boolean> {
  try {
    await change(ec2, zone, changes, caller);
    return true;
  } catch (error) {
    if (error instanceof BackendError && error.providerCode === "InvalidChangeBatch") return false;
    throw error;
  }
}

async function change(ec2: Ec2, zone: string, changes: Change[], caller: Caller): Promise<void> {
  const what = `change ${changes[0]?.ResourceRecordSet?.Name ?? "records"}`;
  try {
    await send(
      ec2.aws,
      ec2.aws.dns,
      new ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: { Changes: changes } }),
      { what, ...caller },
      { raw: true },
    );
  } catch (error) {
    throw failureOf(what, error);
  }
}

function recordsOf(ec2: Ec2, record: VolumeRef, value: string, action: "UPSERT" | "DELETE"): Change[] {
  const set = (Name: string, Type: "A" | "TXT", Value: string): Change => ({
    Action: action,
    ResourceRecordSet: { Name, Type, TTL: TTL_S, ResourceRecords: [{ Value }] },
  });
  return [
    set(record.name, "A", value),
    set(markName(record.name), "TXT", `"${markerOf(ec2.options, record)} ${value}"`),
  ];
}

/** Beside the name and not at it, where it could stand in the way of other records. */
function markName(name: string): string {
  return `_berth.${name}`;
}

function markerOf({ deploymentId, installationId }: Owner, { workspaceId }: VolumeRef): string {
  return `${DEPLOYMENT}=${deploymentId},${INSTALLATION}=${installationId},${WORKSPACE}=${workspaceId}`;
}

/** As it was before installations had ids. */
function unsignedMarkerOf({ deploymentId }: Owner, { workspaceId }: VolumeRef): string {
  return `${DEPLOYMENT}=${deploymentId},${WORKSPACE}=${workspaceId}`;
}

function sameName(a: string | undefined, b: string): boolean {
  return a?.replace(/\.$/, "").toLowerCase() === b.toLowerCase();
}

function zoneOf(details: Details): string | null {
  return typeof details["zone"] === "string" ? details["zone"] : null;
}
