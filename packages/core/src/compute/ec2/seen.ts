import type { Instance, Volume } from "@aws-sdk/client-ec2";
import type { InstanceState } from "../backend.js";
import { readTags, type Tags } from "./tags.js";

export type Ec2State = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

/** An instance as a clean answer showed it. */
export interface SeenInstance {
  id: string;
  state: Ec2State;
  /** StateReason's code, such as `Server.SpotInstanceTermination`. */
  reason: string | null;
  reasonText: string | null;
  tags: Tags;
  clientToken: string;
  az: string | null;
  type: string | null;
  subnet: string | null;
  privateIp: string | null;
  publicIp: string | null;
  launchedAt: Date;
  spot: boolean;
}

export interface SeenVolume {
  id: string;
  state: string;
  az: string;
  sizeGb: number;
  tags: Tags;
  createdAt: Date;
  /** What it is attached to, or is about to be or no longer be. */
  attachment: { instanceId: string; state: string; device: string | null } | null;
}

/** Only the low byte of a state's code counts; what stands above it is AWS's own (docs/ec2-facts.md, States). */
const STATES: Readonly<Record<number, Ec2State>> = {
  0: "pending",
  16: "running",
  32: "shutting-down",
  48: "terminated",
  64: "stopping",
  80: "stopped",
};

/** Null for an answer that can't be read: then it is no clean one. */
export function readInstance(instance: Instance): SeenInstance | null {
  const state = STATES[(instance.State?.Code ?? -1) & 255];
  if (instance.InstanceId === undefined || instance.State?.Code === undefined || state === undefined)
    return null;
  const reason = instance.StateReason?.Code ?? null;
  return {
    id: instance.InstanceId,
    state,
    reason: reason === "pending" ? null : reason,
    reasonText: instance.StateReason?.Message ?? null,
    tags: readTags(instance.Tags),
    clientToken: instance.ClientToken ?? "",
    az: instance.Placement?.AvailabilityZone ?? null,
    type: instance.InstanceType ?? null,
    subnet: instance.SubnetId ?? null,
    privateIp: instance.PrivateIpAddress ?? null,
    publicIp: instance.PublicIpAddress ?? null,
    launchedAt: instance.LaunchTime ?? new Date(0),
    spot: instance.InstanceLifecycle === "spot",
  };
}

export function readVolume(volume: Volume): SeenVolume | null {
  const { VolumeId: id, State: state, AvailabilityZone: az } = volume;
  if (id === undefined || state === undefined || az === undefined) return null;
  const attachment = volume.Attachments?.find((one) => one.State !== "detached");
  return {
    id,
    state,
    az,
    sizeGb: volume.Size ?? 0,
    tags: readTags(volume.Tags),
    createdAt: volume.CreateTime ?? new Date(0),
    attachment:
      attachment === undefined
        ? null
        : {
            instanceId: attachment.InstanceId ?? "",
            state: attachment.State ?? "attached",
            device: attachment.Device ?? null,
          },
  };
}

/** One that shuts down exists and runs nothing of ours any more; only `terminated` is the end (I4). */
export function contractState(state: Ec2State): InstanceState {
  switch (state) {
    case "pending":
      return "starting";
    case "running":
      return "running";
    case "terminated":
      return "gone";
    case "shutting-down":
    case "stopping":
    case "stopped":
      return "stopped";
  }
}
