import { AwsError } from "../../errors.js";
import { delayOf } from "../../world.js";
import { callTarget, stopIfDryRun, type Action, type ActionContext } from "../action.js";
import { chooseSubnet } from "../capacity.js";
import { begin } from "../instance-lifecycle.js";
import { isAlive, type Instance, type Launch } from "../instance.js";
import { planMishaps } from "../mishaps.js";
import { readLaunchRequest, type LaunchRequest } from "../launch-request.js";
import { presentReservation } from "../present/reservations.js";
import { launchFailure, reasonFor } from "../reasons.js";
import { Tags } from "../tags.js";
import { instanceTarget } from "../target.js";
import { fingerprintOf } from "../tokens.js";
import { createWithInstance } from "../volume-lifecycle.js";

export const runInstances: Action = {
  accepts: [
    "BlockDeviceMapping",
    "ClientToken",
    "DisableApiTermination",
    "DryRun",
    "EbsOptimized",
    "IamInstanceProfile",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "InstanceType",
    "KeyName",
    "LaunchTemplate",
    "MaxCount",
    "MetadataOptions",
    "MinCount",
    "Monitoring",
    "NetworkInterface",
    "Placement",
    "SecurityGroupId",
    "SubnetId",
    "TagSpecification",
    "UserData",
  ],
  ignores: [
    "AdditionalInfo",
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "ElasticGpuSpecification",
    "ElasticInferenceAccelerator",
    "EnablePrimaryIpv6",
    "EnclaveOptions",
    "HibernationOptions",
    "Ipv6Address",
    "Ipv6AddressCount",
    "KernelId",
    "LicenseSpecification",
    "MaintenanceOptions",
    "NetworkPerformanceOptions",
    "Operator",
    "PrivateDnsNameOptions",
    "PrivateIpAddress",
    "RamdiskId",
    "SecondaryInterface",
    "SecurityGroup",
  ],

  run(context) {
    const { world, region } = context;
    const request = readLaunchRequest(context.request, region);
    const fingerprint = fingerprintOf(context.flat);
    const replayed = replay(context, request, fingerprint);
    stopIfDryRun(context);
    const instances = replayed ?? launchAll(context, request);
    if (!replayed && request.clientToken !== null)
      region.launchTokens.remember(request.clientToken, fingerprint, instances, context.now);
    const ids = instances.map(({ id }) => id).join(" ");
    context.effects.push(`${replayed ? "replayed" : "launched"} ${ids}`);
    return { ...presentReservation(instances, region, world.settings.stateCodeHighByte) };
  },
};

/** The instances of an earlier call with the same token. */
function replay(
  { world, region, now }: ActionContext,
  { clientToken }: LaunchRequest,
  fingerprint: string,
): readonly Instance[] | null {
  if (clientToken === null) return null;
  const made = region.launchTokens.recall(clientToken, fingerprint, now);
  if (made && !made.some(isAlive) && world.settings.terminatedToken === "error")
    throw new AwsError(
      "IdempotentInstanceTerminated",
      "The client token of this request belongs to an instance that has been terminated.",
    );
  return made;
}

function launchAll(context: ActionContext, request: LaunchRequest): Instance[] {
  const { world, region, now } = context;
  const subnet = chooseSubnet(world, callTarget(context), request.type, request.subnets);
  const shared: Launch = {
    reservationId: world.random.id("r"),
    visibleAt: now + delayOf(world, "visibility"),
    clientToken: request.clientToken,
    subnet,
    spec: region.shareSpec(request.spec),
  };
  return Array.from({ length: request.maxCount }, (_, index) => launchOne(context, request, shared, index));
}

function launchOne(context: ActionContext, request: LaunchRequest, launch: Launch, index: number): Instance {
  const { world, region, now } = context;
  const instance: Instance = {
    id: world.random.id("i"),
    seq: region.nextSeq(),
    launch,
    index,
    state: "pending",
    epoch: 0,
    stuck: false,
    reason: reasonFor("starting"),
    transitionReason: "",
    launchedAt: now,
    runningSince: 0,
    privateIp: region.nextPrivateIp(launch.subnet.az),
    publicIp: 0,
    type: request.type,
    tags: new Tags(request.instanceTags),
    protected: request.protected,
    shutdownBehavior: request.shutdownBehavior,
    userData: request.userData === null ? null : region.userData.keep(request.userData),
    spotRequestId: launch.spec.spot ? `sir-${world.random.hex(8)}` : null,
    volumes: [],
    console: null,
  };
  region.instances.set(instance.id, instance);
  for (const { device, shape, deleteOnTermination } of request.blockDevices)
    createWithInstance(
      world,
      region,
      instance,
      device,
      shape,
      new Tags(request.volumeTags),
      deleteOnTermination,
    );
  const failure = world.faults.fire("launch_failure", instanceTarget(instance, callTarget(context)));
  begin(world, region, instance, failure && launchFailure(failure.code));
  planMishaps(world, region, instance, callTarget(context));
  return instance;
}
