import type { XmlFields } from "../../xml/write.js";
import { presentTags } from "../tags.js";
import type { Attachment, Volume } from "../instance.js";

export function presentVolume(volume: Volume): XmlFields {
  const { shape } = volume;
  return {
    volumeId: volume.id,
    size: shape.size,
    snapshotId: shape.snapshotId ?? "",
    availabilityZone: volume.az,
    status: volume.state,
    createTime: new Date(volume.createdAt),
    attachmentSet: volume.attachment ? [presentAttachment(volume, volume.attachment)] : [],
    tagSet: presentTags(volume.tags),
    volumeType: shape.type,
    iops: shape.iops,
    throughput: shape.throughput,
    encrypted: shape.encrypted,
    kmsKeyId: shape.kmsKeyId,
    multiAttachEnabled: false,
  };
}

export function presentAttachment(
  volume: Volume,
  attachment: Attachment,
  status: string = attachment.state,
): XmlFields {
  return {
    volumeId: volume.id,
    instanceId: attachment.instance.id,
    device: attachment.device,
    status,
    attachTime: new Date(attachment.since),
    deleteOnTermination: attachment.deleteOnTermination,
  };
}
