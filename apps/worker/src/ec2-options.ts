import { defined } from "@berth/core/base/defined";
import type { Absences } from "@berth/core/compute/ec2/absence";
import type { Ec2Options } from "@berth/core/compute/ec2/settings";
import type { WorkerConfig } from "@berth/core/config/config";
import type { PlaceFields } from "@berth/core/config/places-file";

/** An EC2 that the SDK wouldn't find by itself. */
export type AwsPlace = Pick<Ec2Options, "endpoint" | "region" | "credentials">;

/** What the place says comes before what the settings say. */
export function ec2Options(
  config: WorkerConfig,
  place: PlaceFields,
  installationId: string,
  absences: Absences,
  aws?: AwsPlace,
): Ec2Options {
  const subnets = place.subnets ?? config.ec2Subnets;
  const groups = place.security_groups ?? config.ec2SecurityGroups;
  return {
    ...aws,
    ...defined({ endpoint: place.endpoint, region: place.region, profile: place.profile }),
    deploymentId: config.deploymentId,
    installationId,
    defaults: {
      ...given("image_id", place.image ?? config.ec2Image),
      ...given("launch_template", config.ec2LaunchTemplate),
      ...given("instance_types", config.ec2InstanceTypes && [...config.ec2InstanceTypes]),
      ...given("subnet_ids", subnets && [...subnets]),
      ...given("security_group_ids", groups && [...groups]),
      ...given("instance_profile", place.instance_profile ?? config.ec2InstanceProfile),
      volume_gb: config.ec2VolumeGb,
    },
    volumeType: config.ec2VolumeType,
    agentCommand: config.ec2AgentCommand,
    address: config.ec2Address,
    urlTemplate: config.ec2Url,
    dns:
      config.ec2HostedZoneId === null || config.ec2DnsSuffix === null
        ? null
        : { zoneId: config.ec2HostedZoneId, suffix: config.ec2DnsSuffix },
    settleMs: config.ec2SettleMs,
    absenceMs: config.ec2AbsenceMs,
    absences,
    callTimeoutMs: config.callTimeoutMs,
    startTimeoutMs: config.startTimeoutMs,
    stopGraceMs: config.stopGraceMs,
    apiShare: config.ec2ApiPercent / 100,
  };
}

function given<Key extends string, Value>(key: Key, value: Value | null): Partial<Record<Key, Value>> {
  return value === null ? {} : ({ [key]: value } as Record<Key, Value>);
}
