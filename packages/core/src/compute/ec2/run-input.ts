import { createHash } from "node:crypto";
import type { RunInstancesCommandInput } from "@aws-sdk/client-ec2";
import type { LaunchRequest } from "../backend.js";
import { DEVICE } from "./attach.js";
import type { Ec2Options } from "./settings.js";
import type { Subnet } from "./subnets.js";
import { ROLE, tagsOf } from "./tags.js";
import { userDataOf } from "./user-data.js";
import type { Wanted } from "./wanted.js";

/** Where and as what to launch. */
export interface Candidate {
  type: string | null;
  subnet: Subnet;
}

/**
 * RunInstances without its token. Instance and disks have their tags from the first moment: tagged later, a
 * leak in between could be attributed to nobody.
 */
export function runInputOf(
  request: LaunchRequest,
  wanted: Wanted,
  { type, subnet }: Candidate,
  { volumeId, options }: { volumeId: string; options: Ec2Options },
): RunInstancesCommandInput {
  const { agentCommand } = options;
  const { instanceProfile: profile, launchTemplate: template } = wanted;
  const tags = tagsOf(options, request.instance, wanted.tags);
  return {
    MinCount: 1,
    MaxCount: 1,
    SubnetId: subnet.id,
    UserData: userDataOf(request, volumeId, { device: DEVICE, agentCommand }),
    MetadataOptions: {
      HttpEndpoint: "enabled",
      HttpTokens: "required",
      HttpPutResponseHopLimit: wanted.hopLimit,
    },
    // Whoever shuts the machine down from inside ends it: a stopped one would cost its disk for nothing.
    InstanceInitiatedShutdownBehavior: "terminate",
    TagSpecifications: [
      { ResourceType: "instance", Tags: tags },
      { ResourceType: "volume", Tags: [...tags, { Key: ROLE, Value: "root" }] },
    ],
    ...(wanted.imageId !== null && { ImageId: wanted.imageId }),
    ...(type !== null && { InstanceType: type as "t3.small" }),
    ...(template !== null && {
      LaunchTemplate: {
        ...(template.idOrName.startsWith("lt-")
          ? { LaunchTemplateId: template.idOrName }
          : { LaunchTemplateName: template.idOrName }),
        ...(template.version !== null && { Version: template.version }),
      },
    }),
    ...(wanted.securityGroupIds.length > 0 && { SecurityGroupIds: [...wanted.securityGroupIds] }),
    ...(profile !== null && {
      IamInstanceProfile: profile.startsWith("arn:") ? { Arn: profile } : { Name: profile },
    }),
    ...(wanted.spot && {
      InstanceMarketOptions: {
        MarketType: "spot",
        SpotOptions: { SpotInstanceType: "one-time", InstanceInterruptionBehavior: "terminate" },
      },
    }),
  };
}

/**
 * Tells two requests apart. The agent's token, 256 random bits, is part of what is hashed, so the ledger that
 * keeps this learns nothing of the rest.
 */
export function fingerprintOf(input: RunInstancesCommandInput): string {
  return createHash("sha256").update(JSON.stringify(input)).digest("base64url").slice(0, 22);
}
