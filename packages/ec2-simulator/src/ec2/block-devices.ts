import { AwsError } from "../errors.js";
import type { Reader } from "../query/reader.js";
import { readVolumeShape, SNAPSHOT_GIB, type VolumeShape } from "./volume-shape.js";

export const ROOT_DEVICE = "/dev/xvda";

export interface BlockDevice {
  device: string;
  shape: VolumeShape;
  deleteOnTermination: boolean;
}

/** Every image has one root disk of 8 GiB, which goes with the instance unless told otherwise (docs/ec2-facts.md, Volumes). */
const ROOT: BlockDevice = {
  device: ROOT_DEVICE,
  shape: {
    size: SNAPSHOT_GIB,
    type: "gp3",
    iops: 3_000,
    throughput: 125,
    encrypted: false,
    snapshotId: null,
    kmsKeyId: null,
  },
  deleteOnTermination: true,
};

/** The disks of a launch, the root first. Other disks survive the instance unless told otherwise. */
export function readBlockDevices(reader: Reader): BlockDevice[] {
  let root = ROOT;
  const others = new Map<string, BlockDevice>();
  for (const mapping of reader.groups("BlockDeviceMapping")) {
    const device = mapping.required("DeviceName");
    const ebs = mapping.group("Ebs");
    if (!ebs) continue;
    const isRoot = device === ROOT_DEVICE;
    const block = {
      device,
      shape: readVolumeShape(ebs, "VolumeSize", isRoot ? SNAPSHOT_GIB : undefined, isRoot ? "gp3" : "gp2"),
      deleteOnTermination: ebs.boolean("DeleteOnTermination") ?? isRoot,
    };
    if (isRoot) root = block;
    else if (others.has(device))
      throw new AwsError(
        "InvalidBlockDeviceMapping",
        `Duplicate device name '${device}' in the block device mapping`,
      );
    else others.set(device, block);
  }
  return [root, ...others.values()];
}
