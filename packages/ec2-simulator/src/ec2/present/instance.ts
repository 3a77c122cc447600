import type { XmlFields } from "../../xml/write.js";
import { formatIp, type Instance } from "../instance.js";
import type { Region } from "../region.js";
import { INSTANCE_STATE_CODES, type InstanceState } from "../states.js";
import { presentTags } from "../tags.js";
import { fixedId } from "../zones.js";

/** The state with its code; whatever stands above the low byte is for AWS's own use. */
export function presentState(state: InstanceState, highByte: number): XmlFields {
  return { code: (highByte << 8) | INSTANCE_STATE_CODES[state], name: state };
}

/** One `<item>` of an instancesSet. A terminated instance has lost its network and its disks (assumed). */
export function presentInstance(instance: Instance, region: Region, highByte: number): XmlFields {
  const { launch } = instance;
  const gone = instance.state === "terminated";
  return {
    instanceId: instance.id,
    imageId: launch.spec.imageId,
    instanceState: presentState(instance.state, highByte),
    privateDnsName: gone ? "" : privateDnsName(instance, region),
    dnsName: instance.publicIp ? publicDnsName(instance, region) : "",
    reason: instance.transitionReason,
    keyName: launch.spec.keyName,
    amiLaunchIndex: instance.index,
    productCodes: [],
    instanceType: instance.type,
    launchTime: new Date(instance.launchedAt),
    placement: { availabilityZone: launch.subnet.az, groupName: "", tenancy: launch.spec.tenancy },
    monitoring: { state: launch.spec.monitoring ? "enabled" : "disabled" },
    ...(gone ? {} : presentNetwork(instance, region)),
    sourceDestCheck: gone ? undefined : true,
    stateReason: instance.reason ? { ...instance.reason } : undefined,
    architecture: "x86_64",
    // Of every type, whatever it is called.
    cpuOptions: { coreCount: 1, threadsPerCore: 2 },
    rootDeviceType: "ebs",
    rootDeviceName: launch.spec.rootDevice,
    blockDeviceMapping: instance.volumes.map((volume) => ({
      deviceName: volume.attachment?.device,
      ebs: {
        volumeId: volume.id,
        status: volume.attachment?.state,
        attachTime: volume.attachment && new Date(volume.attachment.since),
        deleteOnTermination: volume.attachment?.deleteOnTermination,
      },
    })),
    virtualizationType: "hvm",
    clientToken: launch.clientToken ?? "",
    tagSet: presentTags(instance.tags),
    instanceLifecycle: launch.spec.spot ? "spot" : undefined,
    spotInstanceRequestId: instance.spotRequestId,
    hypervisor: "xen",
    iamInstanceProfile:
      !gone && launch.spec.profile ? presentProfile(launch.spec.profile, region) : undefined,
    ebsOptimized: launch.spec.ebsOptimized,
    enaSupport: true,
    metadataOptions: {
      state: instance.state === "pending" ? "pending" : "applied",
      httpTokens: launch.spec.metadata.httpTokens,
      httpPutResponseHopLimit: launch.spec.metadata.hopLimit,
      httpEndpoint: launch.spec.metadata.httpEndpoint,
      httpProtocolIpv6: "disabled",
      instanceMetadataTags: launch.spec.metadata.instanceTags,
    },
    platformDetails: "Linux/UNIX",
    usageOperation: "RunInstances",
  };
}

export function privateDnsName(instance: Instance, region: Region): string {
  const host = `ip-${formatIp(instance.privateIp).replaceAll(".", "-")}`;
  return region.name === "us-east-1" ? `${host}.ec2.internal` : `${host}.${region.name}.compute.internal`;
}

export function publicDnsName(instance: Instance, region: Region): string {
  const host = `ec2-${formatIp(instance.publicIp).replaceAll(".", "-")}`;
  const domain = region.name === "us-east-1" ? "compute-1" : `${region.name}.compute`;
  return instance.publicIp ? `${host}.${domain}.amazonaws.com` : "";
}

function presentNetwork(instance: Instance, region: Region): XmlFields {
  const { launch } = instance;
  const groupSet = launch.spec.securityGroups.map((groupId) => ({ groupId, groupName: groupId }));
  const shared = {
    subnetId: launch.subnet.id,
    vpcId: launch.subnet.vpcId,
    privateIpAddress: formatIp(instance.privateIp),
    groupSet,
  };
  return {
    ...shared,
    ipAddress: instance.publicIp ? formatIp(instance.publicIp) : undefined,
    networkInterfaceSet: [
      {
        networkInterfaceId: fixedId("eni", instance.id),
        ownerId: region.account,
        status: "in-use",
        interfaceType: "interface",
        sourceDestCheck: true,
        ...shared,
        attachment: { deviceIndex: 0, status: "attached", deleteOnTermination: true },
      },
    ],
  };
}

function presentProfile(profile: string, region: Region): XmlFields {
  const arn = profile.startsWith("arn:")
    ? profile
    : `arn:aws:iam::${region.account}:instance-profile/${profile}`;
  return { arn, id: fixedId("AIPA", arn).replace("-", "").toUpperCase() };
}
