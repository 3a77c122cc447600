import type { FilterFields } from "./filters.js";
import type { Volume } from "./instance.js";

/** The filters of DescribeVolumes that can be answered. */
export const VOLUME_FILTERS: FilterFields<Volume> = {
  "volume-id": ({ id }) => id,
  status: ({ state }) => state,
  size: ({ shape }) => String(shape.size),
  "volume-type": ({ shape }) => shape.type,
  "snapshot-id": ({ shape }) => shape.snapshotId,
  encrypted: ({ shape }) => String(shape.encrypted),
  "availability-zone": ({ az }) => az,
  "create-time": ({ createdAt }) => new Date(createdAt).toISOString(),
  "attachment.instance-id": ({ attachment }) => attachment?.instance.id ?? null,
  "attachment.device": ({ attachment }) => attachment?.device ?? null,
  "attachment.status": ({ attachment }) => attachment?.state ?? null,
  "attachment.delete-on-termination": ({ attachment }) =>
    attachment ? String(attachment.deleteOnTermination) : null,
};
