import { AwsError, invalidValue, missingParameter } from "../errors.js";
import type { Reader } from "../query/reader.js";

/** What CreateVolume and a block device mapping say about a volume. */
export interface VolumeShape {
  /** GiB. */
  size: number;
  type: string;
  iops: number | null;
  throughput: number | null;
  encrypted: boolean;
  snapshotId: string | null;
  kmsKeyId: string | null;
}

const TYPES = ["standard", "io1", "io2", "gp2", "gp3", "sc1", "st1"] as const;
const LARGEST_GIB = 65_536;
/** What a snapshot or an image is taken to hold: none of them is simulated. */
export const SNAPSHOT_GIB = 8;

/**
 * The volume that CreateVolume (`sizeName` "Size") or a block device mapping ("VolumeSize") describes.
 * @throws AwsError for a size, type or performance that can't be.
 */
export function readVolumeShape(
  reader: Reader,
  sizeName: "Size" | "VolumeSize",
  fallbackSize?: number,
  defaultType: (typeof TYPES)[number] = "gp2",
): VolumeShape {
  const snapshotId = reader.string("SnapshotId") ?? null;
  if (snapshotId !== null && !/^snap-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(snapshotId))
    throw invalidValue("snapshotId", snapshotId, "Expected: 'snap-...'.");
  const size =
    reader.integer(sizeName, { min: 1, max: LARGEST_GIB }) ?? (snapshotId ? SNAPSHOT_GIB : fallbackSize);
  if (size === undefined) throw missingParameter("size/snapshot");
  const type = reader.oneOf("VolumeType", TYPES) ?? defaultType;
  const iops = reader.integer("Iops", { min: 100, max: 256_000 }) ?? null;
  const provisioned = type === "io1" || type === "io2";
  if (provisioned && iops === null)
    throw new AwsError("MissingParameter", `The parameter iops must be specified for ${type} volumes.`);
  if (iops !== null && !provisioned && type !== "gp3")
    throw new AwsError(
      "InvalidParameterCombination",
      `The parameter iops is not supported for ${type} volumes.`,
    );
  const throughput = reader.integer("Throughput", { min: 125, max: 2_000 }) ?? null;
  if (throughput !== null && type !== "gp3")
    throw new AwsError(
      "InvalidParameterCombination",
      `The parameter throughput is not supported for ${type} volumes.`,
    );
  return {
    size,
    type,
    iops: iops ?? defaultIops(type, size),
    throughput: throughput ?? (type === "gp3" ? 125 : null),
    encrypted: reader.boolean("Encrypted") ?? false,
    snapshotId,
    kmsKeyId: reader.string("KmsKeyId") ?? null,
  };
}

function defaultIops(type: string, size: number): number | null {
  if (type === "gp3") return 3_000;
  return type === "gp2" ? Math.min(16_000, Math.max(100, 3 * size)) : null;
}
