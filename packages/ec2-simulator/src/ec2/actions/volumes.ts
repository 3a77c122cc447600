import { AwsError } from "../../errors.js";
import { XmlStream } from "../../xml/write.js";
import { callTarget, stopIfDryRun, type Action, type ActionContext } from "../action.js";
import { compileFilters } from "../filters.js";
import { findVolume, findVolumes, volumeIsVisible } from "../find.js";
import { cutPage, readPage } from "../pages.js";
import { checkZone } from "../placement.js";
import { presentVolume } from "../present/volume.js";
import { readTagSpecifications, Tags } from "../tags.js";
import { volumeTarget } from "../target.js";
import { fingerprintOf, readClientToken } from "../tokens.js";
import { VOLUME_FILTERS } from "../volume-filters.js";
import { createVolume as create, remove } from "../volume-lifecycle.js";
import { readVolumeShape } from "../volume-shape.js";
import type { Volume } from "../instance.js";

export const createVolume: Action = {
  accepts: [
    "AvailabilityZone",
    "AvailabilityZoneId",
    "ClientToken",
    "DryRun",
    "Encrypted",
    "Iops",
    "KmsKeyId",
    "Size",
    "SnapshotId",
    "TagSpecification",
    "Throughput",
    "VolumeType",
  ],
  ignores: ["MultiAttachEnabled", "Operator", "OutpostArn", "VolumeInitializationRate"],
  run(context) {
    const { world, region, request, now } = context;
    const token = readClientToken(request);
    const az = readZone(context);
    const shape = readVolumeShape(request, "Size");
    const tags = readTagSpecifications(request, ["volume"]).get("volume");
    const fingerprint = fingerprintOf(context.flat);
    const replayed = token === null ? null : region.volumeTokens.recall(token, fingerprint, now);
    stopIfDryRun(context);
    const volume = replayed ?? create(world, region, az, shape, new Tags(tags));
    if (token !== null && !replayed) region.volumeTokens.remember(token, fingerprint, volume, now);
    context.effects.push(`${replayed ? "replayed" : "created"} ${volume.id}`);
    return { ...presentVolume(volume) };
  },
};

export const describeVolumes: Action = {
  accepts: ["DryRun", "Filter", "MaxResults", "NextToken", "VolumeId"],
  ignores: ["IncludeManagedResources"],
  run(context) {
    const { request, name } = context;
    const pageRequest = readPage(request, name, "VolumeId");
    const page = cutPage(selectVolumes(context), pageRequest, name);
    stopIfDryRun(context);
    return { volumeSet: new XmlStream(presentAll(page.things)), nextToken: page.nextToken };
  },
};

export const deleteVolume: Action = {
  accepts: ["DryRun", "VolumeId"],
  ignores: [],
  run(context) {
    const { world, region, request } = context;
    const volume = findVolume(context, request.required("VolumeId"));
    if (volume.attachment)
      throw new AwsError(
        "VolumeInUse",
        `Volume ${volume.id} is currently attached to ${volume.attachment.instance.id}`,
      );
    if (volume.state === "creating")
      throw new AwsError("IncorrectState", `The volume '${volume.id}' is not 'available'.`);
    stopIfDryRun(context);
    if (world.faults.fire("no_effect", volumeTarget(volume, callTarget(context))))
      context.effects.push(`ignored ${volume.id}`);
    else if (volume.state === "available") {
      remove(world, region, volume);
      context.effects.push(`deleting ${volume.id}`);
    }
    return { return: true };
  },
};

function* presentAll(volumes: readonly Volume[]): Generator<ReturnType<typeof presentVolume>> {
  for (const volume of volumes) yield presentVolume(volume);
}

function readZone({ request, region }: ActionContext): string {
  const id = request.string("AvailabilityZoneId");
  if (id === undefined) return checkZone(request.required("AvailabilityZone"), region.network);
  const zone = region.network.zones.find((candidate) => candidate.id === id);
  if (!zone) throw new AwsError("InvalidZone.NotFound", `The zone '${id}' does not exist.`);
  return zone.name;
}

function selectVolumes(context: ActionContext): Volume[] {
  const { region, request } = context;
  const filters = compileFilters(request, VOLUME_FILTERS);
  const ids = request.list("VolumeId");
  if (ids.length > 0) return bySeq(findVolumes(context, ids).filter((volume) => filters.matches(volume)));
  const fixed = filters.exact("volume-id");
  const candidates = fixed
    ? bySeq(fixed.flatMap((id) => region.volumes.get(id) ?? []))
    : region.volumes.values();
  const selected: Volume[] = [];
  for (const volume of candidates)
    if (filters.matches(volume) && volumeIsVisible(context, volume)) selected.push(volume);
  return selected;
}

function bySeq(volumes: Volume[]): Volume[] {
  return volumes.toSorted((a, b) => a.seq - b.seq);
}
