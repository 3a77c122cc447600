import type { Instance } from "./instance.js";
import type { AttachmentState, VolumeState } from "./states.js";
import type { Tags } from "./tags.js";

export interface Attachment {
  instance: Instance;
  device: string;
  state: AttachmentState;
  /** Milliseconds since the epoch. */
  since: number;
  deleteOnTermination: boolean;
}

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

export interface Volume {
  readonly id: string;
  readonly seq: number;
  readonly az: string;
  readonly shape: VolumeShape;
  readonly createdAt: number;
  readonly visibleAt: number;
  state: VolumeState;
  epoch: number;
  stuck: boolean;
  tags: Tags;
  attachment: Attachment | null;
}
