import { AttachVolumeCommand, DetachVolumeCommand } from "@aws-sdk/client-ec2";
import type { LaunchRequest } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { send } from "./aws.js";
import type { Caller, Ec2 } from "./context.js";
import { codeOf, failureOf } from "./failure.js";
import { awaitVolume } from "./identity.js";
import { pollEc2 } from "./pause.js";
import type { SeenInstance, SeenVolume } from "./seen.js";
import { stillThere } from "./running.js";

export const DEVICE = "/dev/sdf";

/** `attaching`: the caller's patience has ended first. `taken`: another instance of ours that isn't proven gone holds the volume, so ours came too late. */
export type Attached = "attached" | "attaching" | "taken";

/**
 * Attaches the data volume. A volume is attached to one instance at most, which makes it the arbiter between
 * two launches of one workspace (I1). It is never taken from an instance that isn't terminated (I8).
 * @throws BackendError
 */
export async function attachVolume(
  ec2: Ec2,
  { volume: ref }: LaunchRequest,
  instance: SeenInstance,
  caller: Caller,
): Promise<Attached> {
  const { startTimeoutMs } = ec2.options;
  const answer = await pollEc2(Math.min(startTimeoutMs, caller.patienceMs), caller.signal, async () => {
    const volume = await awaitVolume(ec2, ref, caller);
    if (volume === null || volume.state === "deleting")
      throw new BackendError("backend_failed", "transient", `volume ${ref.name} is not there any more`);
    if (volume.state === "error")
      throw new BackendError("backend_failed", "permanent", `volume ${volume.id} is in state error`, {
        providerCode: "error",
      });
    if (volume.attachment === null) {
      await stillThere(ec2, instance.id, caller);
      if (volume.state === "available") await attach(ec2, volume, instance, caller);
      return null;
    }
    if (volume.attachment.instanceId === instance.id)
      return volume.attachment.state === "attached" ? ("attached" as const) : null;
    return (await letGo(ec2, volume, caller)) ? null : ("taken" as const);
  });
  if (answer === null && caller.patienceMs < startTimeoutMs) return "attaching";
  if (answer === null)
    throw new BackendError(
      "backend_timeout",
      "transient",
      `volume ${ref.providerId ?? ref.name} isn't attached to ${instance.id} after ${Math.round(startTimeoutMs / 1000)} s`,
    );
  return answer;
}

async function attach(ec2: Ec2, { id }: SeenVolume, instance: SeenInstance, caller: Caller): Promise<void> {
  try {
    await send(
      ec2.aws,
      ec2.aws.ec2,
      new AttachVolumeCommand({ VolumeId: id, InstanceId: instance.id, Device: DEVICE }),
      { what: `attach ${id} to ${instance.id}`, ...caller },
      { raw: true },
    );
  } catch (error) {
    // Attached already, by us or by another; not running yet; not visible yet: the next look tells which.
    if (
      /^(VolumeInUse|IncorrectState|IncorrectInstanceState|InvalidInstanceID\.NotFound|InvalidVolume\.NotFound)$/.test(
        codeOf(error),
      )
    )
      return;
    throw failureOf(`attach ${id} to ${instance.id}`, error);
  }
}

/** True once the other instance is terminated: then the volume comes off, or is taken off. */
async function letGo(ec2: Ec2, volume: SeenVolume, caller: Caller): Promise<boolean> {
  const { instanceId, state } = volume.attachment!;
  const other = await ec2.lookups.instance(instanceId, caller);
  if (other === null) return true;
  if (other.state !== "terminated") return false;
  if (state !== "detaching")
    await send(
      ec2.aws,
      ec2.aws.ec2,
      new DetachVolumeCommand({ VolumeId: volume.id, InstanceId: instanceId }),
      {
        what: `detach ${volume.id}`,
        ...caller,
      },
    ).catch((error: unknown) => {
      if (
        error instanceof BackendError &&
        /^(IncorrectState|InvalidAttachment)/.test(error.providerCode ?? "")
      )
        return;
      throw error;
    });
  return true;
}
