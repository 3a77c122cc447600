import type { AttachmentState, InstanceState, VolumeState } from "./states.js";
import type { Tags } from "./tags.js";
import type { UserData } from "./user-data.js";
import type { VolumeShape } from "./volume-shape.js";
import type { Subnet } from "./zones.js";

/** What the instances of one RunInstances call have in common: kept once, however many there are. */
export interface Launch {
  reservationId: string;
  /** When other calls begin to know the instances, in milliseconds since the epoch. */
  visibleAt: number;
  clientToken: string | null;
  subnet: Subnet;
  spec: LaunchSpec;
}

/** What a launch asked for. Launches that asked for the same share one: it is never changed. */
export interface LaunchSpec {
  readonly imageId: string;
  readonly securityGroups: readonly string[];
  readonly keyName: string | null;
  readonly profile: string | null;
  readonly spot: Spot | null;
  readonly metadata: MetadataOptions;
  readonly publicAddress: boolean;
  readonly ebsOptimized: boolean;
  readonly monitoring: boolean;
  readonly tenancy: string;
  readonly rootDevice: string;
}

export interface Spot {
  type: "one-time" | "persistent";
  onInterruption: "terminate" | "stop" | "hibernate";
}

export interface MetadataOptions {
  httpTokens: "optional" | "required";
  hopLimit: number;
  httpEndpoint: "enabled" | "disabled";
  instanceTags: "enabled" | "disabled";
}

export interface StateReason {
  code: string;
  message: string;
}

export interface Instance {
  readonly id: string;
  /** Order of creation in its Region: what pages are cut by. */
  readonly seq: number;
  readonly launch: Launch;
  /** AMI launch index. */
  readonly index: number;
  state: InstanceState;
  /** Grows with each change of state: what was planned for an earlier one no longer holds. */
  epoch: number;
  /** In a state that it doesn't leave by itself (fault `stuck`). */
  stuck: boolean;
  reason: StateReason | null;
  /** The `reason` element: why the user's last change happened. */
  transitionReason: string;
  /** Last time it was launched or started. */
  launchedAt: number;
  runningSince: number;
  /** IPv4 as a number; 0 for none. The public one changes with each start. */
  privateIp: number;
  publicIp: number;
  type: string;
  tags: Tags;
  protected: boolean;
  shutdownBehavior: "stop" | "terminate";
  /** As it was sent, in base64. */
  userData: UserData | null;
  spotRequestId: string | null;
  /** The root volume first. */
  volumes: Volume[];
  /** What the console shows, null for the usual text. */
  console: string | null;
}

/** One of an instance and a volume, which know of each other. */
export interface Attachment {
  instance: Instance;
  device: string;
  state: AttachmentState;
  /** Milliseconds since the epoch. */
  since: number;
  deleteOnTermination: boolean;
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

export function formatIp(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** True while it costs money or may come back: everything but terminated. */
export function isAlive(instance: Instance): boolean {
  return instance.state !== "terminated";
}
