import type { InstanceState } from "./states.js";
import type { Tags } from "./tags.js";
import type { Volume } from "./volume.js";
import type { Subnet } from "./zones.js";

/** What the instances of one RunInstances call have in common: kept once, however many there are. */
export interface Launch {
  reservationId: string;
  /** Milliseconds since the epoch. */
  time: number;
  /** When other calls begin to know the instances. */
  visibleAt: number;
  imageId: string;
  clientToken: string | null;
  subnet: Subnet;
  securityGroups: readonly string[];
  keyName: string | null;
  profile: string | null;
  spot: Spot | null;
  metadata: MetadataOptions;
  publicAddress: boolean;
  ebsOptimized: boolean;
  monitoring: boolean;
  tenancy: string;
  rootDevice: string;
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
  userData: string | null;
  spotRequestId: string | null;
  /** The root volume first. */
  volumes: Volume[];
  /** What the console shows, null for the usual text. */
  console: string | null;
}

export function formatIp(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** True while it costs money or may come back: everything but terminated. */
export function isAlive(instance: Instance): boolean {
  return instance.state !== "terminated";
}
