import { AwsError } from "../../errors.js";
import type { Reader } from "../../query/reader.js";
import { callTarget, stopIfDryRun, type Action } from "../action.js";
import { findInstance, findVolume } from "../find.js";
import type { Attachment, Instance, Volume } from "../instance.js";
import { presentAttachment } from "../present/volume.js";
import { volumeTarget } from "../target.js";
import { attach, detach } from "../volume-lifecycle.js";

export const attachVolume: Action = {
  accepts: ["Device", "DryRun", "InstanceId", "VolumeId"],
  ignores: ["EbsCardIndex"],
  run(context) {
    const { world, region, request } = context;
    const device = request.required("Device");
    const [instanceId, volumeId] = [request.required("InstanceId"), request.required("VolumeId")];
    const volume = findVolume(context, volumeId);
    const instance = findInstance(context, instanceId);
    checkVolume(volume, instance);
    checkInstance(instance, device);
    stopIfDryRun(context);
    const attachment = attach(world, region, volume, instance, device);
    context.effects.push(`attaching ${volume.id} to ${instance.id}`);
    return { ...presentAttachment(volume, attachment) };
  },
};

export const detachVolume: Action = {
  accepts: ["Device", "DryRun", "Force", "InstanceId", "VolumeId"],
  ignores: [],
  run(context) {
    const { world, region, request } = context;
    request.boolean("Force");
    const volume = findVolume(context, request.required("VolumeId"));
    if (request.string("InstanceId") !== undefined) findInstance(context, request.required("InstanceId"));
    const attachment = attachmentToEnd(volume, request);
    stopIfDryRun(context);
    if (attachment.state === "detaching") return { ...presentAttachment(volume, attachment) };
    if (world.faults.fire("no_effect", volumeTarget(volume, callTarget(context)))) {
      context.effects.push(`ignored ${volume.id}`);
      return { ...presentAttachment(volume, attachment, "detaching") };
    }
    detach(world, region, volume, attachment);
    context.effects.push(`detaching ${volume.id} from ${attachment.instance.id}`);
    return { ...presentAttachment(volume, attachment) };
  },
};

function checkVolume(volume: Volume, instance: Instance): void {
  if (volume.attachment) throw new AwsError("VolumeInUse", `${volume.id} is already attached to an instance`);
  if (volume.state !== "available") throw new AwsError("IncorrectState", `${volume.id} is not 'available'.`);
  if (volume.az !== instance.launch.subnet.az)
    throw new AwsError(
      "InvalidVolume.ZoneMismatch",
      `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`,
    );
}

function checkInstance(instance: Instance, device: string): void {
  if (instance.state !== "running" && instance.state !== "stopped")
    throw new AwsError("IncorrectState", `Instance '${instance.id}' is not 'running'.`);
  if (instance.volumes.some((volume) => volume.attachment?.device === device))
    throw new AwsError(
      "InvalidParameterValue",
      `Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`,
    );
}

function attachmentToEnd(volume: Volume, request: Reader): Attachment {
  const { attachment } = volume;
  if (!attachment)
    throw new AwsError("IncorrectState", `Volume '${volume.id}' is in the '${volume.state}' state.`);
  const wrongInstance = (request.string("InstanceId") ?? attachment.instance.id) !== attachment.instance.id;
  if (wrongInstance || (request.string("Device") ?? attachment.device) !== attachment.device)
    throw new AwsError(
      "InvalidAttachment.NotFound",
      `The volume '${volume.id}' is not attached to instance '${request.string("InstanceId") ?? ""}' as device '${request.string("Device") ?? ""}'.`,
    );
  const { instance, device } = attachment;
  if (device === instance.launch.spec.rootDevice && instance.state !== "stopped")
    throw new AwsError(
      "OperationNotPermitted",
      `Unable to detach root volume '${device}' from instance '${instance.id}'`,
    );
  return attachment;
}
