import { AwsError, invalidValue, missingParameter } from "../errors.js";
import { Reader } from "../query/reader.js";
import { readBlockDevices, ROOT_DEVICE, type BlockDevice } from "./block-devices.js";
import type { LaunchSpec, MetadataOptions, Spot } from "./instance.js";
import { findLaunchTemplate, withLaunchTemplate } from "./launch-template.js";
import { readPlacement, readSecurityGroups } from "./placement.js";
import type { Region } from "./region.js";
import { readTagSpecifications, Tags } from "./tags.js";
import { readClientToken } from "./tokens.js";
import type { Subnet } from "./zones.js";

/** A RunInstances request, checked. */
export interface LaunchRequest {
  minCount: number;
  maxCount: number;
  type: string;
  subnets: Subnet[];
  blockDevices: BlockDevice[];
  instanceTags: Tags;
  volumeTags: Tags;
  userData: string | null;
  protected: boolean;
  shutdownBehavior: "stop" | "terminate";
  clientToken: string | null;
  spec: LaunchSpec;
}

const MAX_INSTANCES = 1_000;
const MAX_USER_DATA_BYTES = 16_384;
const TAGGABLE = ["instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu"];

/** @throws AwsError for the first thing that is wrong with the request. */
export function readLaunchRequest(sent: Reader, region: Region): LaunchRequest {
  const clientToken = readClientToken(sent);
  const request = withLaunchTemplate(sent, region);
  const { minCount, maxCount } = readCounts(request);
  const tags = readTagSpecifications(request, TAGGABLE);
  const fromTemplate = templateTags(sent, region);
  return {
    minCount,
    maxCount,
    clientToken,
    type: readType(request),
    subnets: readPlacement(request, region),
    blockDevices: readBlockDevices(request),
    instanceTags: new Tags([...(fromTemplate.get("instance") ?? []), ...(tags.get("instance") ?? [])]),
    volumeTags: new Tags([...(fromTemplate.get("volume") ?? []), ...(tags.get("volume") ?? [])]),
    userData: readUserData(request.string("UserData")),
    protected: request.boolean("DisableApiTermination") ?? false,
    shutdownBehavior: request.oneOf("InstanceInitiatedShutdownBehavior", ["stop", "terminate"]) ?? "stop",
    spec: {
      imageId: readImage(request),
      securityGroups: readSecurityGroups(request),
      keyName: request.string("KeyName") ?? null,
      profile: readProfile(request),
      spot: readSpot(request),
      metadata: readMetadata(request.group("MetadataOptions")),
      publicAddress: request.groups("NetworkInterface")[0]?.boolean("AssociatePublicIpAddress") ?? true,
      ebsOptimized: request.boolean("EbsOptimized") ?? false,
      monitoring: request.group("Monitoring")?.boolean("Enabled") ?? false,
      tenancy: request.group("Placement")?.string("Tenancy") ?? "default",
      rootDevice: ROOT_DEVICE,
    },
  };
}

/** @throws AwsError for user-data that isn't base64 or too large. */
export function readUserData(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value))
    throw new AwsError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
  if (Buffer.byteLength(value, "base64") > MAX_USER_DATA_BYTES)
    throw new AwsError("InvalidParameterValue", `User data is limited to ${MAX_USER_DATA_BYTES} bytes`);
  return value;
}

/** @throws AwsError unless it looks like an instance type. */
export function checkType(type: string): string {
  if (!/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/.test(type))
    throw new AwsError("InvalidParameterValue", `Invalid value '${type}' for InstanceType.`);
  return type;
}

function readCounts(request: Reader): { minCount: number; maxCount: number } {
  request.required("MinCount");
  request.required("MaxCount");
  const minCount = request.integer("MinCount", { min: 1 })!;
  const maxCount = request.integer("MaxCount", { min: 1 })!;
  if (minCount > maxCount)
    throw new AwsError("InvalidParameterValue", "The minimum number of instances exceeds the maximum");
  if (minCount > MAX_INSTANCES)
    throw new AwsError(
      "InstanceLimitExceeded",
      `You have requested more instances (${minCount}) than your current instance limit of ${MAX_INSTANCES} allows.`,
    );
  return { minCount, maxCount: Math.min(maxCount, MAX_INSTANCES) };
}

function readType(request: Reader): string {
  return checkType(request.string("InstanceType") ?? "m1.small");
}

function readImage(request: Reader): string {
  const image = request.string("ImageId");
  if (image === undefined) throw missingParameter("ImageId");
  if (!/^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(image) && !image.startsWith("resolve:ssm:"))
    throw new AwsError("InvalidAMIID.Malformed", `Invalid id: "${image}" (expecting "ami-...")`);
  return image;
}

function readProfile(request: Reader): string | null {
  const profile = request.group("IamInstanceProfile");
  const arn = profile?.string("Arn");
  const name = profile?.string("Name");
  if (arn !== undefined && name !== undefined)
    throw new AwsError(
      "InvalidParameterCombination",
      "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
    );
  if (arn !== undefined && !arn.startsWith("arn:"))
    throw invalidValue("iamInstanceProfile.arn", arn, "Invalid IAM Instance Profile ARN");
  return arn ?? name ?? null;
}

function readSpot(request: Reader): Spot | null {
  const market = request.group("InstanceMarketOptions");
  if (market?.oneOf("MarketType", ["spot"]) !== "spot") return null;
  const options = market.group("SpotOptions");
  const type = options?.oneOf("SpotInstanceType", ["one-time", "persistent"]) ?? "one-time";
  const onInterruption =
    options?.oneOf("InstanceInterruptionBehavior", ["terminate", "stop", "hibernate"]) ?? "terminate";
  if (type === "one-time" && onInterruption !== "terminate")
    throw new AwsError(
      "InvalidParameterCombination",
      `The interruption behavior '${onInterruption}' is only supported for persistent Spot Instance requests`,
    );
  return { type, onInterruption };
}

function readMetadata(options: Reader | undefined): MetadataOptions {
  return {
    httpTokens: options?.oneOf("HttpTokens", ["optional", "required"]) ?? "optional",
    hopLimit: options?.integer("HttpPutResponseHopLimit", { min: 1, max: 64 }) ?? 1,
    httpEndpoint: options?.oneOf("HttpEndpoint", ["enabled", "disabled"]) ?? "enabled",
    instanceTags: options?.oneOf("InstanceMetadataTags", ["enabled", "disabled"]) ?? "disabled",
  };
}

function templateTags(sent: Reader, region: Region): Map<string, Tags> {
  const wanted = sent.group("LaunchTemplate");
  if (!wanted) return new Map();
  const template = findLaunchTemplate(wanted, region);
  return readTagSpecifications(new Reader(template.data), TAGGABLE);
}
